set -x PATH $PATH $HOME/bin
