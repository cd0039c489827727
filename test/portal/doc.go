// Package portal walks through the portal in a real browser, on a node and a worker
// as processes: what people see, what the browser says of it, and what leaves it.
package portal
