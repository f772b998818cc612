const express = require('express')
const app = express()

app.get('/user', (request, response) => {
  const name = request.query.name
  response.send('<p>' + name + '</p>')
  const query = `SELECT * FROM users WHERE name = '${name}'`
  database.query(query)
})
