// Package bench holds the benchmarks of whole jobs: a diagnosis and a score, on
// a node with a worker process. It asserts nothing; docs/benchmarks.md keeps
// what it printed.
package bench
