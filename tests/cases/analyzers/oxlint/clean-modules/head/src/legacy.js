'use strict'

const path = require('path')

module.exports = function legacy(request, response, next) {
  try {
    return path.join(request.root, 'a')
  } catch (error) {
    return null
  }
}
