// Package psi lets two holders of lists of identifiers, such as two hospitals'
// patients or two lenders' applicants, learn how many they share, or join the
// rows they share under common keys, without either showing its list.
//
// It is private set intersection from Diffie-Hellman (Meadows 1986; Huberman,
// Franklin, Hogg 1999), with a third party that counts: each holder blinds its
// points with a secret of its own, the other blinds them again, and hands
// hashes of what comes out to the counter. Equal identifiers, and only those,
// give equal hashes. The counter tells the holders a result only where it
// reaches the minimum they agreed on, so that a small overlap, which could point
// at a person, stays unknown.
//
// Who learns what, all following the protocol: a holder learns the other's
// padded size and the result; the counter learns the padded sizes and how many
// hashes match. A counter that colludes with one holder learns which of that
// holder's identifiers the other has, as in intersection without a counter, and
// nothing of the others: they can be tried out only with both secrets. A holder
// that makes its list up learns who of it the other knows, so lists are worth
// what their holder's word is. Two results over lists that differ in one
// identifier tell whether it is shared: who counts limits how often.
//
// The group is Curve25519 by its x-coordinates (RFC 7748), about 126 bits. The
// package sends nothing: its messages are bytes.
package psi
