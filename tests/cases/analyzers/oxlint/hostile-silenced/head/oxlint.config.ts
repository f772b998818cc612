export default { rules: { "no-debugger": "off" } }
