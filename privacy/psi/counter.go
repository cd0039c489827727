package psi

import (
	"crypto/rand"
	"encoding/binary"

	"manx/privacy/notice"
)

// Compare is the counter's part: it takes the Tags messages of both holders, each
// of which is about the other's list, and returns the answer to each. overlap is
// what the counter learns, for its journal of how often who asked.
func Compare(s Session, fromFirst, fromSecond []byte) (toFirst, toSecond []byte, overlap int, err error) {
	if err := s.Check(); err != nil {
		return nil, nil, 0, err
	}
	second, err := points(s, stepTags, "the first holder", fromFirst)
	if err != nil {
		return nil, nil, 0, err
	}
	first, err := points(s, stepTags, "the second holder", fromSecond)
	if err != nil {
		return nil, nil, 0, err
	}
	if len(first) == 0 || len(second) == 0 || len(first)%padTo != 0 || len(second)%padTo != 0 {
		return nil, nil, 0, notice.New(notice.Invalid, "a holder's list was not filled up", "bring manx up to date on both sides")
	}
	place := make(map[point]int, len(first))
	for i, p := range first {
		place[p] = i
	}
	var pairs [][2]int
	for j, p := range second {
		if i, both := place[p]; both {
			pairs = append(pairs, [2]int{i, j})
		}
	}
	if len(pairs) < s.Minimum {
		return answer(s, 0, nil), answer(s, 0, nil), len(pairs), nil
	}
	var mine [2][]int // places in the order of keys
	if s.Kind == Join {
		for _, at := range shuffled(len(pairs), rand.Reader) { // keys in the order of either list would tell of it
			mine[0], mine[1] = append(mine[0], pairs[at][0]), append(mine[1], pairs[at][1])
		}
	}
	return answer(s, len(pairs), mine[0]), answer(s, len(pairs), mine[1]), len(pairs), nil
}

// answer writes a result: the count, 0 where it is below the minimum, and of a
// join the place behind each key.
func answer(s Session, count int, places []int) []byte {
	b := binary.BigEndian.AppendUint64(header(s, stepResult, 1+len(places)), uint64(count))
	for key, at := range places {
		b = binary.BigEndian.AppendUint32(b, uint32(at))
		b = binary.BigEndian.AppendUint32(b, uint32(key))
	}
	return b
}
