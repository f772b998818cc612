echo "# shellcheck disable=SC2086"
