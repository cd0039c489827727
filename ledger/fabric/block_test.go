package fabric

import (
	"encoding/json"
	"testing"

	"github.com/hyperledger/fabric-protos-go/common"
	pb "github.com/hyperledger/fabric-protos-go/peer"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/protoadapt"

	"manx/ledger"
	"manx/ledger/fabric/batch"
)

func encode(t testing.TB, m protoadapt.MessageV1) []byte {
	t.Helper()
	b, err := proto.Marshal(protoadapt.MessageV2Of(m))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// envelope is a transaction of a contract with an event.
func envelope(t testing.TB, id, contract, event string, report []byte) []byte {
	t.Helper()
	action := encode(t, &pb.ChaincodeAction{
		ChaincodeId: &pb.ChaincodeID{Name: contract},
		Events:      encode(t, &pb.ChaincodeEvent{ChaincodeId: contract, TxId: id, EventName: event, Payload: report}),
	})
	payload := encode(t, &pb.ChaincodeActionPayload{Action: &pb.ChaincodeEndorsedAction{
		ProposalResponsePayload: encode(t, &pb.ProposalResponsePayload{Extension: action}),
	}})
	return encode(t, &common.Envelope{Payload: encode(t, &common.Payload{
		Header: &common.Header{ChannelHeader: encode(t, &common.ChannelHeader{Type: int32(common.HeaderType_ENDORSER_TRANSACTION), TxId: id})},
		Data:   encode(t, &pb.Transaction{Actions: []*pb.TransactionAction{{Payload: payload}}}),
	})})
}

func block(codes []byte, data ...[]byte) *common.Block {
	b := &common.Block{Header: &common.BlockHeader{Number: 7}, Data: &common.BlockData{Data: data}, Metadata: &common.BlockMetadata{Metadata: make([][]byte, 5)}}
	b.Metadata.Metadata[common.BlockMetadataIndex_TRANSACTIONS_FILTER] = codes
	return b
}

func report(t testing.TB, r batch.Report) []byte {
	t.Helper()
	b, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Of a block, the transactions of our contract count, at the places they have;
// what others ran or what is damaged is passed over.
func TestTransactionsOfBlock(t *testing.T) {
	ours := report(t, batch.Report{Lane: ledger.Health, Outcomes: []batch.Outcome{{Applied: true}}})
	odd := report(t, batch.Report{Lane: ledger.Common, Outcomes: []batch.Outcome{{Applied: true}}, Record: &batch.Record{}})
	lost := byte(pb.TxValidationCode_MVCC_READ_CONFLICT)
	b := block([]byte{0, 0, lost, 0, 0, 0, 0},
		envelope(t, "other", "another", batch.Name, ours),
		envelope(t, "a", "manx", batch.Name, ours),
		envelope(t, "b", "manx", batch.Name, ours),
		[]byte("damaged"),
		envelope(t, "c", "manx", "another event", ours),
		envelope(t, "d", "manx", batch.Name, odd), // its record is not of its outcomes
		envelope(t, "e", "manx", batch.Name, []byte("{")),
	)
	got := transactions(b, "manx")
	if len(got) != 2 || got[0].id != "a" || got[0].place != 1 || !valid(got[0].valid) || got[1].id != "b" || !conflicts(got[1].valid) {
		t.Fatalf("%+v", got)
	}
	if c, ok := find(b, "manx", "b"); !ok || c.block != 7 || c.place != 2 {
		t.Errorf("%+v %v", c, ok)
	}
	if _, ok := find(b, "manx", "other"); ok {
		t.Error("a transaction of another contract was found")
	}
	if got := transactions(block(nil, envelope(t, "a", "manx", batch.Name, ours)), "manx"); len(got) != 0 {
		t.Errorf("a block without verdicts: %+v", got)
	}
}

// The batch that a transaction of the common lane was asked to apply stands in it.
func TestBatchOfTransaction(t *testing.T) {
	ordered := batch.Batch{Lane: ledger.Common, Commands: []ledger.Command{{ID: ledger.CommandID{1}, Name: "time.tick"}, {ID: ledger.CommandID{2}, Name: "time.tick"}}}
	in, err := ordered.Encode()
	if err != nil {
		t.Fatal(err)
	}
	got, err := batchOf(called(t, []byte(batch.Apply), in))
	if err != nil || len(got.Commands) != 2 || got.Commands[1].ID != ordered.Commands[1].ID {
		t.Errorf("%+v, %v", got, err)
	}
	for name, b := range map[string][]byte{
		"another function": called(t, []byte(batch.Read), in), "no batch": called(t, []byte(batch.Apply)), "damaged": called(t, []byte(batch.Apply), in[1:]),
		"no call": envelope(t, "a", "manx", batch.Name, nil), "no transaction": encode(t, &common.Envelope{Payload: encode(t, &common.Payload{Header: &common.Header{}})}), "nothing": []byte("x"),
	} {
		if got, err := batchOf(b); err == nil {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// called is a transaction that calls our contract with some arguments.
func called(t testing.TB, args ...[]byte) []byte {
	t.Helper()
	spec := encode(t, &pb.ChaincodeInvocationSpec{ChaincodeSpec: &pb.ChaincodeSpec{Input: &pb.ChaincodeInput{Args: args}}})
	payload := encode(t, &pb.ChaincodeActionPayload{ChaincodeProposalPayload: encode(t, &pb.ChaincodeProposalPayload{Input: spec}), Action: &pb.ChaincodeEndorsedAction{}})
	return encode(t, &common.Envelope{Payload: encode(t, &common.Payload{
		Header: &common.Header{ChannelHeader: encode(t, &common.ChannelHeader{Type: int32(common.HeaderType_ENDORSER_TRANSACTION), TxId: "a"})},
		Data:   encode(t, &pb.Transaction{Actions: []*pb.TransactionAction{{Payload: payload}}}),
	})})
}

func FuzzTransaction(f *testing.F) {
	f.Add(called(f, []byte(batch.Apply), []byte(`{"lane":"common","commands":[{}]}`)))

	f.Add(envelope(f, "a", "manx", batch.Name, report(f, batch.Report{Lane: ledger.Common, Outcomes: []batch.Outcome{{Before: &batch.Place{Tx: "x", Index: 3}}}})))
	f.Add(envelope(f, "a", "manx", batch.Name, []byte(`{"lane":"health","outcomes":[{"refused":{"kind":"denied","text":"x"}}]}`)))
	f.Add([]byte{0x0a, 0xff})
	f.Fuzz(func(t *testing.T, in []byte) {
		if b, err := batchOf(in); err == nil && (!b.Lane.Valid() || len(b.Commands) > batch.MaxCommands) {
			t.Fatalf("%+v", b)
		}
		for _, x := range transactions(block([]byte{0}, in), "manx") {
			if !x.report.Lane.Valid() || len(x.report.Outcomes) > batch.MaxCommands {
				t.Fatalf("%+v", x.report)
			}
		}
	})
}
