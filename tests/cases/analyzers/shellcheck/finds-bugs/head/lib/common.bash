log() {
    echo "$1
}
