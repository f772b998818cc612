FROM = "debian"
