// Package link connects the three parties of a computation: mutual TLS 1.3 on
// TCP, each peer known by its Ed25519 key, or memory, for tests.
//
// It knows nothing of what the parties compute.
package link
