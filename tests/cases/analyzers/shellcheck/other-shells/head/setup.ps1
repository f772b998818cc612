Remove-Item $args[0]
