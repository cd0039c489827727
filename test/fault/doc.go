// Package fault kills the parts of a whole exchange on Fabric, Kubo and
// PostgreSQL while clients work with it, freezes them and fills a disk, at
// numbered requests and never at sleeps, makes an organisation's clock jump, and
// checks what must hold afterwards. With MANX_LONG=1 it strikes at every point,
// otherwise at one of each part.
//
// It has tests only. What a part does alone is tested beside it: answers that
// are wrong in test/real, ticks that are off a clock in ledger/ledgertest.
package fault
