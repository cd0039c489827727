// Package bounded adds the updates of several sites on shares of three parties
// (privacy/mpc), and leaves out those whose norm is beyond a bound: of each site one
// bit is opened, whether its update and its weight are within theirs, and then the
// sum of those that are, with noise where there is some.
//
// A site's device quantises its weighted update, and deals it with seeds for two of
// three components, 16 bytes a value. On shares each update is tried twice. Its inner
// products with 48 random vectors of -1, 0 and 1, drawn by the three parties when
// all has been dealt, must be small: they are of an update within the bound, except
// with probability 2^-40, and of one that has a value of more than twice that at most
// half of the time each, whatever else is in it (Gentry, Halevi and Lyubashevsky,
// EUROCRYPT 2022, section 3). So values are small, except with probability 2^-48, and
// the sum of their squares cannot wrap around; that is compared with the bound.
//
// For contributions there are values of sums over any sites that stay on shares: their
// mean's inner products with public vectors, and the loss of a logistic model that it
// is added to, on public rows. What is opened of them is what Combine makes: a
// linear combination, such as what a model loses by leaving one site out.
//
// Who deals to whom, that all shares are one dealing's (by the digests that Deal
// returns, signed by the site), who may ask and how often are the caller's. The parties
// learn which sites are in, and no weight; two that collude see everything. A site
// within the bound may still add what it likes: see ml/federated for what that does.
// A committee's CKKS key (privacy/ckks/committee) adds no updates: its results are
// opened one number at a time.
package bounded
