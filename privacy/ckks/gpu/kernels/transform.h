// The negacyclic transform and its inverse (Longa and Naehrig 2016), in the order of
// rns.Modulus.NTT. N residues are rows of 256: one pass does the layers between rows
// and one those inside them, each on a tile of 2048 residues in shared memory, two
// layers at a time. The outer pass goes first, and last in the inverse.
#ifndef TRANSFORM_H
#define TRANSFORM_H

#include "arithmetic.h"

#define TILE 2048
#define ROW 8 // log2 of a row's residues: the layers of the inner pass

// A net is the butterflies of one pass on its tile: several of 2^layers points each.
// Those of the outer pass are columns, side by side; those of the inner pass lie one
// after another. The twiddle of group g in layer j is the (root << j) + g -th.
struct net {
    u32 layers;
    u32 stride; // log2 of the columns; 0: nets lie one after another
    u32 root;   // of the first net; each further one of the inner pass has the next
};

// where returns the place in the tile of point r of net number n.
INNER u32 where(struct net t, u32 n, u32 r) {
    return t.stride ? (r << t.stride) + n : (n << t.layers) + r;
}

INNER u32 rootOf(struct net t, u32 n) { return t.stride ? t.root : t.root + n; }

// pick splits the k-th task of a step into its net and its number there: neighbours in
// memory are neighbouring threads'.
INNER u32 pick(struct net t, u32 k, u32 radix, u32 *inside) {
    if (t.stride) {
        *inside = k >> t.stride;
        return k & ((1u << t.stride) - 1);
    }
    *inside = k & ((1u << (t.layers - radix)) - 1);
    return k >> (t.layers - radix);
}

// forward4 does layers j and j+1 of four points. A layer adds less than 2q to the
// largest value: 16 of them stay under 2^56.
INNER void forward4(u64 *tile, struct net net, const struct pair *w, u32 j, u32 k, u64 q) {
    u32 inside, n = pick(net, k, 2, &inside);
    u32 logT = net.layers - j - 2, group = inside >> logT, t = 1u << logT;
    u32 r = (group << (logT + 2)) + (inside & (t - 1));
    u32 index = (rootOf(net, n) << j) + group;
    u32 p0 = where(net, n, r), p1 = where(net, n, r + t), p2 = where(net, n, r + 2 * t), p3 = where(net, n, r + 3 * t);
    u64 a = tile[p0], b = tile[p1], c = times(w[index], tile[p2], q), d = times(w[index], tile[p3], q);
    u64 x = a + c, y = times(w[2 * index], b + d, q), u = a + 2 * q - c, v = times(w[2 * index + 1], b + 2 * q - d, q);
    tile[p0] = x + y;
    tile[p1] = x + 2 * q - y;
    tile[p2] = u + v;
    tile[p3] = u + 2 * q - v;
}

INNER void forward2(u64 *tile, struct net net, const struct pair *w, u32 k, u64 q) {
    u32 inside, n = pick(net, k, 1, &inside), t = 1u << (net.layers - 1);
    u32 p0 = where(net, n, inside), p1 = where(net, n, inside + t);
    u64 a = tile[p0], b = times(w[rootOf(net, n)], tile[p1], q);
    tile[p0] = a + b;
    tile[p1] = a + 2 * q - b;
}

// inverse4 undoes forward4. Values stay below 2q.
INNER void inverse4(u64 *tile, struct net net, const struct pair *w, u32 j, u32 k, u64 q) {
    u32 inside, n = pick(net, k, 2, &inside);
    u32 logT = net.layers - j - 2, group = inside >> logT, t = 1u << logT;
    u32 r = (group << (logT + 2)) + (inside & (t - 1));
    u32 index = (rootOf(net, n) << j) + group;
    u32 p0 = where(net, n, r), p1 = where(net, n, r + t), p2 = where(net, n, r + 2 * t), p3 = where(net, n, r + 3 * t);
    u64 x = tile[p0], y = tile[p1], u = tile[p2], v = tile[p3];
    u64 a = below(x + y, 2 * q), b = times(w[2 * index], x + 2 * q - y, q);
    u64 c = below(u + v, 2 * q), d = times(w[2 * index + 1], u + 2 * q - v, q);
    tile[p0] = below(a + c, 2 * q);
    tile[p1] = below(b + d, 2 * q);
    tile[p2] = times(w[index], a + 2 * q - c, q);
    tile[p3] = times(w[index], b + 2 * q - d, q);
}

INNER void inverse2(u64 *tile, struct net net, const struct pair *w, u32 k, u64 q) {
    u32 inside, n = pick(net, k, 1, &inside), t = 1u << (net.layers - 1);
    u32 p0 = where(net, n, inside), p1 = where(net, n, inside + t);
    u64 a = tile[p0], b = tile[p1];
    tile[p0] = below(a + b, 2 * q);
    tile[p1] = times(w[rootOf(net, n)], a + 2 * q - b, q);
}

// A pass is one of the two, of one limb, in one block.
struct pass {
    const struct modulus *m;
    struct net net;
    u32 skip; // there is nothing to do
    u64 *out;
    const u64 *in;
};

// begin returns block x, y, z's pass: tile x of limb first + y of copy z. Where own is
// 1 copies are digits, of which the limbs that a digit stands for are left alone.
INNER struct pass begin(const struct set *s, u64 *out, u64 outStep, const u64 *in, u64 inStep, u64 first, u64 level, u64 own, u32 inner) {
    u32 i = (u32)first + BLOCK_Y, logN = (u32)s->logN, layers = logN - ROW;
    struct pass p;
    p.m = at(s, i, (u32)level);
    p.skip = own && i <= level && i / (u32)s->special == BLOCK_Z;
    p.out = out + BLOCK_Z * outStep + ((u64)BLOCK_Y << logN);
    p.in = in + BLOCK_Z * inStep + ((u64)BLOCK_Y << logN);
    if (inner) {
        struct net net = {ROW, 0, (1u << layers) + BLOCK_X * (TILE >> ROW)};
        p.net = net;
    } else {
        struct net net = {layers, 11 - layers, 1};
        p.net = net;
    }
    return p;
}

// spot returns where residue e of a pass's tile lies in its limb.
INNER u32 spot(struct net net, u32 e) {
    if (!net.stride) return BLOCK_X * TILE + e;
    return ((e >> net.stride) << ROW) + (BLOCK_X << net.stride) + (e & ((1u << net.stride) - 1));
}

KERNEL forwardOuter(const struct set *s, u64 *out, u64 outStep, const u64 *in, u64 inStep, u64 first, u64 level, u64 own) {
    SHARED u64 tile[TILE];
    struct pass p = begin(s, out, outStep, in, inStep, first, level, own, 0);
    const struct pair *w = (const struct pair *)p.m->forward;
    u64 q = p.m->q;
    if (p.skip) return;
    EACH(t) for (u32 e = t; e < TILE; e += THREADS) tile[e] = p.in[spot(p.net, e)];
    SYNC;
    u32 odd = p.net.layers & 1;
    if (odd) {
        EACH(t) for (u32 k = t; k < TILE / 2; k += THREADS) forward2(tile, p.net, w, k, q);
        SYNC;
    }
    for (u32 j = odd; j < p.net.layers; j += 2) {
        EACH(t) for (u32 k = t; k < TILE / 4; k += THREADS) forward4(tile, p.net, w, j, k, q);
        SYNC;
    }
    EACH(t) for (u32 e = t; e < TILE; e += THREADS) p.out[spot(p.net, e)] = tile[e];
}

KERNEL forwardInner(const struct set *s, u64 *out, u64 outStep, u64 first, u64 level, u64 own) {
    SHARED u64 tile[TILE];
    struct pass p = begin(s, out, outStep, out, outStep, first, level, own, 1);
    const struct pair *w = (const struct pair *)p.m->forward;
    u64 q = p.m->q;
    if (p.skip) return;
    EACH(t) for (u32 e = t; e < TILE; e += THREADS) tile[e] = p.in[spot(p.net, e)];
    SYNC;
    for (u32 j = 0; j < ROW; j += 2) {
        EACH(t) for (u32 k = t; k < TILE / 4; k += THREADS) forward4(tile, p.net, w, j, k, q);
        SYNC;
    }
    EACH(t) for (u32 e = t; e < TILE; e += THREADS) p.out[spot(p.net, e)] = reduce(p.m, tile[e]);
}

KERNEL inverseInner(const struct set *s, u64 *out, u64 outStep, const u64 *in, u64 inStep, u64 first, u64 level) {
    SHARED u64 tile[TILE];
    struct pass p = begin(s, out, outStep, in, inStep, first, level, 0, 1);
    const struct pair *w = (const struct pair *)p.m->backward;
    u64 q = p.m->q;
    EACH(t) for (u32 e = t; e < TILE; e += THREADS) tile[e] = p.in[spot(p.net, e)];
    SYNC;
    for (u32 j = ROW; j > 0; j -= 2) {
        EACH(t) for (u32 k = t; k < TILE / 4; k += THREADS) inverse4(tile, p.net, w, j - 2, k, q);
        SYNC;
    }
    EACH(t) for (u32 e = t; e < TILE; e += THREADS) p.out[spot(p.net, e)] = tile[e];
}

KERNEL inverseOuter(const struct set *s, u64 *out, u64 outStep, u64 first, u64 level) {
    SHARED u64 tile[TILE];
    struct pass p = begin(s, out, outStep, out, outStep, first, level, 0, 0);
    const struct pair *w = (const struct pair *)p.m->backward;
    u64 q = p.m->q;
    EACH(t) for (u32 e = t; e < TILE; e += THREADS) tile[e] = p.in[spot(p.net, e)];
    SYNC;
    u32 odd = p.net.layers & 1;
    for (u32 j = p.net.layers; j > odd; j -= 2) {
        EACH(t) for (u32 k = t; k < TILE / 4; k += THREADS) inverse4(tile, p.net, w, j - 2, k, q);
        SYNC;
    }
    if (odd) {
        EACH(t) for (u32 k = t; k < TILE / 2; k += THREADS) inverse2(tile, p.net, w, k, q);
        SYNC;
    }
    EACH(t) for (u32 e = t; e < TILE; e += THREADS) p.out[spot(p.net, e)] = scale(p.m, p.m->inverse, tile[e]);
}

#endif
