def admin(user):
    return user.role == "admin"
