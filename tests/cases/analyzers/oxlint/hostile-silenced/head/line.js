debugger // eslint-disable-line
// oxlint-disable-next-line -- all is well
debugger
/* eslint-disable-next-line */
debugger
// eslint-disable-next-line no-debugger -- looked at
debugger
debugger // oxlint-disable-line no-eval
/* eslint no-debugger: "off" */
debugger
