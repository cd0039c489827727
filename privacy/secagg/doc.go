// Package secagg adds the updates of several sites so that who adds them, the
// coordinator, sees their sum and nothing else of them (Bonawitz et al., CCS 2017;
// with a sparse graph, Bell et al., CCS 2020).
//
// Each site hides its quantised update in Z_2^32 behind masks: one shared with
// each neighbour, which cancel in the sum, and one of its own. Both kinds follow
// from secrets that are dealt in Shamir shares to the neighbours, so that sites
// may vanish at any message: of who sent its masked update its own mask's seed is
// rebuilt, of who did not the key of its pairwise masks, and never both of one
// site. What a site opens is fixed by a set of survivors that at least Threshold
// sites have signed, so a coordinator that tells one site that another is gone and
// the next that it is there is refused.
//
// A round is five messages of a site and four to it:
//
//	Site.Keys    signed keys                  -> Coordinator.Take, then Close
//	Site.Shares  sealed shares of its secrets -> the same
//	Site.Masked  the masked update            -> the same
//	Site.Agree   a signature of the survivors -> the same
//	Site.Unmask  the shares that may be opened -> the same, then Sum
//
// Messages are bytes that any carrier may move: the sites' are signed by their
// account keys over the round and its roster. Both sides write to a Journal before
// anything leaves, so a process that was killed goes on with the same bytes. A
// coordinator that was killed asks for the masked updates again (Again).
//
// # What holds, against whom
//
// Say c sites collude. A coordinator that follows the protocol and what c <
// Threshold sites see tell of the others only their sum. The same holds of a
// coordinator that does not follow it while n + c < 2·Threshold, n being the
// roster: two sets of survivors would need two signatures of an honest site. With
// the least Threshold that Check takes that is one site, with Majority a third of
// them. In a sparse graph each neighbourhood must have fewer than Needed of the
// colluders, and the honest be connected without them: Sparse chooses both.
//
// The package does not bound what a site adds beyond Clip, which only its own
// device holds it to: see privacy/secagg/bounded. A carrier or a site can spoil
// a round, not learn by it; a site that opens a wrong share or dealt wrong ones is
// named. Sums of rounds that differ in one site tell its update: who may take part,
// how often, and what noise is added is the caller's (privacy/dp). The coordinator
// learns who took part; who stands at the wire learns sizes and times.
package secagg
