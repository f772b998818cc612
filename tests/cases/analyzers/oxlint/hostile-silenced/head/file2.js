/* oxlint-disable */
debugger
