package fabric

import (
	"fmt"
	"log/slog"

	"github.com/hyperledger/fabric-sdk-go/pkg/core/logging/api"
)

// A sdkLog takes the SDK's log lines, which it would print by itself. They are
// prose that may quote anything: at debug level the operator can see those of
// warning and above, by default nobody does. What matters comes back as an
// error too. The SDK has one logger a process: the first ledger's.
type sdkLog struct{ log *slog.Logger }

var _ api.LoggerProvider = sdkLog{}

// GetLogger implements api.LoggerProvider.
func (l sdkLog) GetLogger(string) api.Logger { return l }

func (l sdkLog) say(text string) { l.log.Debug("fabric SDK", "says", text) }

func (l sdkLog) Fatal(v ...any)            { panic(fmt.Sprint(v...)) } // it promises not to return
func (l sdkLog) Fatalf(f string, v ...any) { panic(fmt.Sprintf(f, v...)) }
func (l sdkLog) Fatalln(v ...any)          { panic(fmt.Sprint(v...)) }
func (l sdkLog) Panic(v ...any)            { panic(fmt.Sprint(v...)) }
func (l sdkLog) Panicf(f string, v ...any) { panic(fmt.Sprintf(f, v...)) }
func (l sdkLog) Panicln(v ...any)          { panic(fmt.Sprint(v...)) }

func (l sdkLog) Error(v ...any)            { l.say(fmt.Sprint(v...)) }
func (l sdkLog) Errorf(f string, v ...any) { l.say(fmt.Sprintf(f, v...)) }
func (l sdkLog) Errorln(v ...any)          { l.say(fmt.Sprint(v...)) }
func (l sdkLog) Warn(v ...any)             { l.say(fmt.Sprint(v...)) }
func (l sdkLog) Warnf(f string, v ...any)  { l.say(fmt.Sprintf(f, v...)) }
func (l sdkLog) Warnln(v ...any)           { l.say(fmt.Sprint(v...)) }

func (sdkLog) Print(...any)          {}
func (sdkLog) Printf(string, ...any) {}
func (sdkLog) Println(...any)        {}
func (sdkLog) Debug(...any)          {}
func (sdkLog) Debugf(string, ...any) {}
func (sdkLog) Debugln(...any)        {}
func (sdkLog) Info(...any)           {}
func (sdkLog) Infof(string, ...any)  {}
func (sdkLog) Infoln(...any)         {}
