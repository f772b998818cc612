def admin(user):
    role = "user‮ ⁦# only for admins⁩ ⁦"
    return role == "us​er"
