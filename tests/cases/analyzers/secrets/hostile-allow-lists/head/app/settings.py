db_password = "Winter-2024-snow!"  # pragma: allowlist secret
# pragma: allowlist nextline secret
smtp_password = "s3nd-m4il-now"  # nosec noqa gitleaks:allow
