/*
 eslint-disable
*/
/* eslint-disable */
