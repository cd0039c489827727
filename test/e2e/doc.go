// Package e2e tests the product as its users meet it: the manx binary as a node
// and as a worker, owners that reach them over HTTP, and between the two a wire
// that records, loses and repeats. It has tests only and exports nothing.
package e2e
