import { useState } from 'react'
export function List({ rows, open }) {
  if (open) {
    useState(0)
  }
  return <ul>{rows.map((row) => <li>{row}</li>)}</ul>
}
