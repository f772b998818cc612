/* eslint-disable */
run(); // eslint-disable-line no-console -- it is a command
// oxlint-disable-next-line no-eval
/* istanbul ignore next */
