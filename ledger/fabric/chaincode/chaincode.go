// Package chaincode runs the exchange's contract on a Fabric peer: it applies
// batches of signed commands to the peer's state, keeps the state of health and
// of credit in private collections of their members, and answers reads. With
// ledger/fabric it is the door to Fabric's libraries.
//
// It adds no rule but one: a tick that is off this process's own clock is
// refused, since the contract has none. Everything else it does is decided by
// the batch and the state, so that every endorser writes the same bytes. It does
// not check who submits a transaction: every command carries its author's
// signature.
package chaincode

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/hyperledger/fabric-chaincode-go/shim"
	pb "github.com/hyperledger/fabric-protos-go/peer"

	"manx/ledger"
	"manx/ledger/fabric/batch"
	"manx/privacy/notice"
)

// A Chaincode implements shim.Chaincode.
type Chaincode struct {
	contract ledger.Contract
	now      func() time.Time
}

// New returns the chaincode that runs a contract. now is the endorser's clock;
// nil is the machine's.
func New(c ledger.Contract, now func() time.Time) *Chaincode {
	if now == nil {
		now = time.Now
	}
	return &Chaincode{c, now}
}

// Init implements shim.Chaincode; there is nothing to prepare.
func (*Chaincode) Init(shim.ChaincodeStubInterface) pb.Response { return shim.Success(nil) }

// Invoke implements shim.Chaincode.
func (c *Chaincode) Invoke(stub shim.ChaincodeStubInterface) pb.Response {
	args := stub.GetArgs()
	if len(args) == 0 {
		return shim.Error(batch.Fault + "no function is named")
	}
	var out []byte
	var err error
	switch f := string(args[0]); f {
	case batch.Apply:
		err = c.apply(stub, args[1:])
	case batch.Read:
		out, err = read(stub, args[1:])
	case batch.Events:
		out, err = records(stub, args[1:])
	default:
		return shim.Error(batch.Fault + "there is no such function")
	}
	if err != nil {
		return shim.Error(batch.Fault + err.Error())
	}
	return shim.Success(out)
}

// apply runs a batch. A command that is refused leaves nothing; an error leaves
// nothing of the batch.
func (c *Chaincode) apply(stub shim.ChaincodeStubInterface, args [][]byte) error {
	b, err := input(stub, args)
	if err != nil {
		return err
	}
	o := newOverlay(stub, b.Lane)
	report := batch.Report{Lane: b.Lane, Outcomes: make([]batch.Outcome, len(b.Commands))}
	record := batch.Record{Events: make([][]ledger.Event, len(b.Commands))}
	applied := false
	for i, cmd := range b.Commands {
		v := &view{overlay: o, place: batch.Place{Tx: stub.GetTxID(), Index: i}}
		events, err := c.run(v, b.Lane, cmd)
		if o.fault != nil {
			return o.fault // not the command's fault: the peer's state could not be read
		}
		switch {
		case err != nil:
			report.Outcomes[i].Refused = batch.Refuse(err)
		case len(v.writes) == 0: // the contract knows these very bytes
			if report.Outcomes[i].Before, err = o.placeOf(cmd.ID); err != nil {
				return err
			}
		default:
			v.commit()
			report.Outcomes[i].Applied, record.Events[i], applied = true, events, true
			if b.Lane != ledger.Common { // whose commands stand in the block
				record.Commands = append(record.Commands, cmd)
			}
		}
	}
	if applied {
		if err := o.flush(); err != nil {
			return err
		}
		if err := keep(stub, &report, record); err != nil {
			return err
		}
	}
	j, err := json.Marshal(report)
	if err != nil {
		return fmt.Errorf("encode report: %w", err)
	}
	return stub.SetEvent(batch.Name, j)
}

// run applies one command if it is of the lane and in time. A panic of the
// contract's refuses the command: it would end every organisation's process, since
// each runs the same.
func (c *Chaincode) run(v *view, lane ledger.Vertical, cmd ledger.Command) (_ []ledger.Event, err error) {
	defer func() {
		if recover() != nil {
			err = errors.New("the contract panicked")
		}
	}()
	if batch.LaneOf(cmd) != lane {
		return nil, notice.New(notice.Invalid, "the command is not of the lane it was sent in", "")
	}
	if err := ledger.Timely(cmd, c.now()); err != nil {
		return nil, err
	}
	return c.contract(v, cmd)
}

// input returns the batch: commands that touch a private lane must not stand in
// the transaction, which every organisation keeps.
func input(stub shim.ChaincodeStubInterface, args [][]byte) (batch.Batch, error) {
	if len(args) == 1 {
		b, err := batch.Decode(args[0])
		if err == nil && b.Lane != ledger.Common {
			err = fmt.Errorf("%w: commands of a private lane travel in the transient field", batch.ErrBatch)
		}
		return b, err
	}
	t, err := stub.GetTransient()
	if err != nil {
		return batch.Batch{}, fmt.Errorf("transient field: %w", err)
	}
	if len(args) != 0 || len(t) != 1 {
		return batch.Batch{}, fmt.Errorf("%w: apply takes one batch", batch.ErrBatch)
	}
	return batch.Decode(t[batch.Transient])
}

// keep puts the events where those who may see them find them.
func keep(stub shim.ChaincodeStubInterface, report *batch.Report, r batch.Record) error {
	if report.Lane == ledger.Common {
		report.Record = &r
		return nil
	}
	j, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("encode events: %w", err)
	}
	if err := stub.PutPrivateData(string(report.Lane), string(batch.RecordKey(report.Lane, stub.GetTxID())), j); err != nil {
		return fmt.Errorf("keep events: %w", err)
	}
	return nil
}

func read(stub shim.ChaincodeStubInterface, args [][]byte) ([]byte, error) {
	if len(args) != 1 || !sound(ledger.Key(args[0])) {
		return nil, fmt.Errorf("read takes a key of 1 to %d bytes", maxKey)
	}
	k := ledger.Key(args[0])
	for _, home := range homes(k) {
		b, err := get(stub, home, k)
		if err != nil || b != nil {
			return unmarked(k, b), err
		}
	}
	return nil, nil
}

// maxTxs bounds the transactions that one query asks for.
const maxTxs = 512

func records(stub shim.ChaincodeStubInterface, args [][]byte) ([]byte, error) {
	if len(args) < 2 || len(args) > maxTxs+1 {
		return nil, fmt.Errorf("events takes a lane and 1 to %d transactions", maxTxs)
	}
	lane := ledger.Vertical(args[0])
	if lane != ledger.Health && lane != ledger.Credit {
		return nil, fmt.Errorf("events of the common lane travel with its transactions")
	}
	out := make([]json.RawMessage, len(args)-1)
	for i, tx := range args[1:] {
		if len(tx) == 0 || len(tx) > 128 {
			return nil, fmt.Errorf("not the id of a transaction")
		}
		b, err := get(stub, string(lane), batch.RecordKey(lane, string(tx)))
		if err != nil {
			return nil, err
		}
		if out[i] = b; b == nil {
			out[i] = json.RawMessage("null")
		}
	}
	return json.Marshal(out)
}
