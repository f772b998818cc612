import os

db_password = os.environ["DB_PASSWORD"]
api_key = settings.get("api_key_v2")
PASSWORD_FIELD = "password_2"
token_url = "https://login.example.com/oauth2/v2/token"
