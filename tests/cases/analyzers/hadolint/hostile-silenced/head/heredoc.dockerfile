FROM debian:12
RUN <<EOF
# shellcheck disable=all
for i in "$B"; do ls; done
EOF
RUN <<EOF
# shellcheck disable=SC2066
for i in "$B"; do ls; done
EOF
