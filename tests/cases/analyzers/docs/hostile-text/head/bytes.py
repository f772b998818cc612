def two(): pass  # ÿ
