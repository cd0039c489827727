// Package storm kills what brings jobs to an end, as processes and with SIGKILL at random
// moments, while two hundred jobs wait and run: workers, the queue (a NATS server), and
// the node that has ledger and dispatcher. Afterwards it looks at every job and every
// coin. MANX_LONG=1 has it go on for minutes.
//
// It has tests only. The processes are this package's own test binary; what they do is
// what `manx up` and `manx worker run` do, without index, pages and organisations' duties.
package storm
