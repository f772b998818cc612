/* eslint-disable */
debugger
