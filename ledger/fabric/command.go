package fabric

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/hyperledger/fabric-protos-go/common"
	pb "github.com/hyperledger/fabric-protos-go/peer"

	"manx/ledger"
	"manx/ledger/fabric/batch"
	"manx/privacy/notice"
)

// Command returns the command of an id that was applied at a height, as its author signed
// it, or an error matching fs.ErrNotExist. Those of the common lane stand in the blocks;
// those of the private lanes are kept beside their events, for the members of the lane
// alone, since chaincodes of manx do so.
func (l *Ledger) Command(ctx context.Context, h ledger.Height, id ledger.CommandID) (ledger.Command, error) {
	ctx, cancel := l.bound(ctx, readPatience)
	defer cancel()
	next, err := l.net.height(ctx)
	if err == nil && batch.BlockOf(h) >= next {
		return ledger.Command{}, fmt.Errorf("command: %w", fs.ErrNotExist)
	}
	var b *common.Block
	if err == nil {
		b, err = l.net.block(ctx, batch.BlockOf(h))
	}
	if err != nil {
		return ledger.Command{}, unreachable(err, "the organisation's own peer")
	}
	for _, t := range transactions(b, l.cfg.Contract) {
		first, err := batch.HeightOf(b.GetHeader().GetNumber(), t.place, 0)
		if err != nil || h < first || h-first >= batch.MaxCommands || !valid(t.valid) {
			continue
		}
		commands, err := l.commandsOf(ctx, b, t)
		if err != nil {
			return ledger.Command{}, err
		}
		if i := slices.IndexFunc(commands, func(c ledger.Command) bool { return c.ID == id }); i >= 0 {
			return commands[i], nil
		}
	}
	return ledger.Command{}, fmt.Errorf("command: %w", fs.ErrNotExist)
}

// commandsOf returns the commands of a transaction of a block that were applied.
func (l *Ledger) commandsOf(ctx context.Context, b *common.Block, t transaction) (out []ledger.Command, err error) {
	if t.report.Lane == ledger.Common {
		in, err := batchOf(b.GetData().GetData()[t.place])
		for i, o := range t.report.Outcomes {
			if o.Applied && i < len(in.Commands) {
				out = append(out, in.Commands[i])
			}
		}
		return out, err
	}
	if err := l.fetch(ctx, t.report.Lane, []*transaction{&t}); err != nil {
		return nil, unreachable(err, "the organisation's own peer")
	}
	if len(t.report.Record.Commands) == 0 && slices.ContainsFunc(t.report.Outcomes, func(o batch.Outcome) bool { return o.Applied }) {
		return nil, notice.New(notice.Unsupported, "the event is of a time when this ledger did not keep what was signed", "a finished job's receipt proves itself: `manx receipt show JOB`")
	}
	return t.report.Record.Commands, nil
}

// batchOf returns the batch that a transaction of the common lane was asked to apply.
func batchOf(envelope []byte) (batch.Batch, error) {
	_, action, err := payloadOf(envelope)
	var p pb.ChaincodeProposalPayload
	var s pb.ChaincodeInvocationSpec
	if err == nil {
		err = unmarshal(action.GetChaincodeProposalPayload(), &p, "proposal")
	}
	if err == nil {
		err = unmarshal(p.GetInput(), &s, "call")
	}
	if err != nil {
		return batch.Batch{}, err
	}
	args := s.GetChaincodeSpec().GetInput().GetArgs()
	if len(args) != 2 || string(args[0]) != batch.Apply {
		return batch.Batch{}, errors.New("the transaction applies no batch")
	}
	return batch.Decode(args[1])
}
