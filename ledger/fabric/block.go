package fabric

import (
	"fmt"

	"github.com/hyperledger/fabric-protos-go/common"
	pb "github.com/hyperledger/fabric-protos-go/peer"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/protoadapt"

	"manx/ledger"
	"manx/ledger/fabric/batch"
)

// A transaction is one of a block's that ran our contract.
type transaction struct {
	id     string
	place  int // in the block
	valid  pb.TxValidationCode
	report batch.Report
}

// transactions returns those of a block that ran the named contract and say
// what they did. Others, and what is not well formed, are passed over: a channel
// may carry more than our contract, and every peer validated what it committed.
func transactions(b *common.Block, contract string) []transaction {
	var out []transaction
	filter := b.GetMetadata().GetMetadata()
	if len(filter) <= int(common.BlockMetadataIndex_TRANSACTIONS_FILTER) {
		return nil
	}
	codes := filter[common.BlockMetadataIndex_TRANSACTIONS_FILTER]
	for i, bytes := range b.GetData().GetData() {
		if i >= len(codes) {
			return out
		}
		t := transaction{place: i, valid: pb.TxValidationCode(codes[i])}
		id, action, err := actionOf(bytes)
		if err != nil || action.GetChaincodeId().GetName() != contract {
			continue
		}
		if t.report, err = reportOf(action); err == nil {
			t.id = id
			out = append(out, t)
		}
	}
	return out
}

// actionOf returns the chaincode action of an envelope and its transaction's id.
func actionOf(envelope []byte) (id string, action *pb.ChaincodeAction, err error) {
	id, a, err := payloadOf(envelope)
	if err != nil || a == nil {
		return id, nil, err
	}
	action, err = chaincodeAction(a.GetAction().GetProposalResponsePayload())
	return id, action, err
}

// payloadOf returns what an envelope asked of a chaincode and what came of it, and its
// transaction's id; nil where it is none that calls one.
func payloadOf(envelope []byte) (id string, action *pb.ChaincodeActionPayload, err error) {
	var e common.Envelope
	var p common.Payload
	var h common.ChannelHeader
	if err := unmarshal(envelope, &e, "envelope"); err != nil {
		return "", nil, err
	}
	if err := unmarshal(e.Payload, &p, "payload"); err != nil {
		return "", nil, err
	}
	if err := unmarshal(p.GetHeader().GetChannelHeader(), &h, "header"); err != nil {
		return "", nil, err
	}
	if common.HeaderType(h.Type) != common.HeaderType_ENDORSER_TRANSACTION {
		return h.TxId, nil, nil
	}
	var t pb.Transaction
	if err := unmarshal(p.Data, &t, "transaction"); err != nil {
		return "", nil, err
	}
	if len(t.Actions) != 1 {
		return "", nil, fmt.Errorf("a transaction of %d actions", len(t.Actions))
	}
	action = new(pb.ChaincodeActionPayload)
	return h.TxId, action, unmarshal(t.Actions[0].GetPayload(), action, "action")
}

func chaincodeAction(response []byte) (*pb.ChaincodeAction, error) {
	var r pb.ProposalResponsePayload
	var c pb.ChaincodeAction
	if err := unmarshal(response, &r, "response"); err != nil {
		return nil, err
	}
	return &c, unmarshal(r.Extension, &c, "chaincode action")
}

// reportOf returns what a transaction says it did.
func reportOf(a *pb.ChaincodeAction) (r batch.Report, err error) {
	var e pb.ChaincodeEvent
	if err := unmarshal(a.GetEvents(), &e, "event"); err != nil {
		return r, err
	}
	if e.EventName != batch.Name {
		return r, fmt.Errorf("the transaction carries no report")
	}
	if err := ledger.Decode(e.Payload, &r); err != nil {
		return r, fmt.Errorf("report: %w", err)
	}
	if !r.Lane.Valid() || len(r.Outcomes) > batch.MaxCommands || (r.Record != nil && len(r.Record.Events) != len(r.Outcomes)) {
		return r, fmt.Errorf("the transaction's report is not well formed")
	}
	return r, nil
}

func unmarshal(b []byte, m protoadapt.MessageV1, what string) error {
	if err := proto.Unmarshal(b, protoadapt.MessageV2Of(m)); err != nil {
		return fmt.Errorf("decode %s: %w", what, err)
	}
	return nil
}
