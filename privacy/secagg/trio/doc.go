// Package trio is a round of sums on shares among hospitals themselves: each deals
// its update to three of them, who try it against its bound and add what is within
// (privacy/secagg/bounded), and a coordinator who is not believed carries messages,
// and learns the sum and who was left out.
//
// The hospitals that may compute are named beforehand, three or four of them. Which
// three do is told by the coordinator, a try after another where one of them has
// vanished. A site deals to them sealed, and signs the digests of what it dealt: so
// all three hold one dealing, and their session has its name from these signatures.
//
// The difference of two sums of a round would be an update. So one who computes signs
// once, for the round, which sites' sum it is ready to tell, and tells its share only
// when all three have signed the same. Of four that may compute any two threes have
// two in common, of whom one follows this if no two of the four pool what they see:
// then no second set of sites is opened. Two shares are enough to open the sum, and
// what each tells is compared with what the three signed.
//
// Two of those that may compute who pool what they see read every update; the
// coordinator counts with whom it pools. A site whose dealing cannot be opened is named
// by them, on their word. The package knows no networks, no grants and no models.
package trio
