// Package bare is what the ledger on Fabric is measured against: a chaincode that
// writes given bytes, and a loop of fabric-sdk-go that calls it, one transaction
// a call, with nothing of ours between. It is for benchmarks; the contract's
// process does not contain it.
package bare

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/hyperledger/fabric-chaincode-go/shim"
	pb "github.com/hyperledger/fabric-protos-go/peer"
	"github.com/hyperledger/fabric-sdk-go/pkg/client/channel"
	"github.com/hyperledger/fabric-sdk-go/pkg/common/errors/retry"
	"github.com/hyperledger/fabric-sdk-go/pkg/common/providers/fab"
	"github.com/hyperledger/fabric-sdk-go/pkg/core/config"
	"github.com/hyperledger/fabric-sdk-go/pkg/fabsdk"
)

const (
	write = "bare.write"
	read  = "bare.read"
)

// A Write is one value to be put; an empty collection is the public state.
type Write struct {
	Collection, Key string
	Value           []byte
}

type chaincode struct{ shim.Chaincode }

// Beside returns a chaincode that also writes and reads what it is told to.
func Beside(contract shim.Chaincode) shim.Chaincode { return chaincode{contract} }

// Invoke implements shim.Chaincode.
func (c chaincode) Invoke(stub shim.ChaincodeStubInterface) pb.Response {
	f, args := stub.GetFunctionAndParameters()
	var out []byte
	var err error
	switch f {
	case write:
		err = put(stub)
	case read:
		out, err = stub.GetPrivateData(args[0], args[1])
	default:
		return c.Chaincode.Invoke(stub)
	}
	if err != nil {
		return shim.Error(err.Error())
	}
	return shim.Success(out)
}

func put(stub shim.ChaincodeStubInterface) error {
	t, err := stub.GetTransient()
	if err != nil {
		return err
	}
	var all []Write
	if err := json.Unmarshal(t[write], &all); err != nil {
		return err
	}
	for _, w := range all {
		if w.Collection == "" {
			err = stub.PutState(w.Key, w.Value)
		} else {
			err = stub.PutPrivateData(w.Collection, w.Key, w.Value)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// A Loop calls the chaincode on given peers.
type Loop struct {
	sdk    *fabsdk.FabricSDK
	client *channel.Client
	name   string
	peers  []string // as the profile names them: our own first
}

// Open opens a profile as the user of an organisation.
func Open(profile, organisation, user, name, contract string, peers ...string) (*Loop, error) {
	sdk, err := fabsdk.New(config.FromFile(profile))
	if err != nil {
		return nil, fmt.Errorf("open profile: %w", err)
	}
	c, err := channel.New(sdk.ChannelContext(name, fabsdk.WithUser(user), fabsdk.WithOrg(organisation)))
	if err != nil {
		sdk.Close()
		return nil, fmt.Errorf("open channel: %w", err)
	}
	return &Loop{sdk, c, contract, peers}, nil
}

// Close ends the loop's connections.
func (l *Loop) Close() { l.sdk.Close() }

const patience = 30 * time.Second

// Write puts the writes in one transaction and returns when it is committed.
func (l *Loop) Write(all []Write) error {
	j, err := json.Marshal(all)
	if err != nil {
		return err
	}
	r, err := l.client.Execute(channel.Request{ChaincodeID: l.name, Fcn: write, TransientMap: map[string][]byte{write: j}},
		channel.WithTargetEndpoints(l.peers...), channel.WithTimeout(fab.Execute, patience), channel.WithRetry(retry.Opts{}))
	if err == nil && r.TxValidationCode != pb.TxValidationCode_VALID {
		err = errors.New(r.TxValidationCode.String())
	}
	return err
}

// Read reads a value of a collection from our own peer.
func (l *Loop) Read(collection, key string) ([]byte, error) {
	r, err := l.client.Query(channel.Request{ChaincodeID: l.name, Fcn: read, Args: [][]byte{[]byte(collection), []byte(key)}},
		channel.WithTargetEndpoints(l.peers[0]), channel.WithTimeout(fab.Query, patience))
	return r.Payload, err
}
