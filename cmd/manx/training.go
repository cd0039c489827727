package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"manx/ledger"
	"manx/privacy/notice"
	"manx/web/owner"
	"manx/web/owner/training"
	"manx/web/owner/training/recipe"
	"manx/web/owner/training/release"
)

func trainCommand(t *terminal) *cobra.Command {
	c := &cobra.Command{Use: "train", Short: "One model of several hospitals: propose, join, status, stop, contribute, release",
		Long: "Hospitals train one model together, and each keeps its records: what leaves is masked, and only sums are seen. Each\nrecord takes part by its owner's grant, which spends its privacy budget for the whole training. `manx hospital` does\nthe work."}
	c.AddCommand(trainPropose(t), trainJoin(t), trainStatus(t), trainStop(t), trainContribute(t), trainRelease(t))
	return c
}

func trainingNamed(arg string) (ledger.TrainingID, error) {
	return named[ledger.TrainingID](arg, "training", "a training", "manx train status")
}

// order has the hospital's node of this folder do something: here, or where it runs,
// there.
func (t *terminal) order(ctx context.Context, o training.Order) (a training.Answer, err error) {
	err = t.as(ctx, ledger.Health, func(ctx context.Context, p *owner.Party) error {
		h := &training.Hospital{Party: p, Dir: filepath.Join(p.Home.Dir, hospitalFolder)}
		a, err = h.Do(ctx, o)
		return err
	})
	if n := notice.From(err); err == nil || n.Kind != notice.Conflict || !strings.HasPrefix(n.Text, "another manx process has this keyring open") {
		return a, err
	}
	dir, err := t.dir()
	if err != nil {
		return a, err
	}
	return training.Leave(ctx, filepath.Join(dir, hospitalFolder), o)
}

func trainPropose(t *terminal) *cobra.Command {
	var with, users []string
	var body ledger.ProposeTraining
	var from, judge, by, shares string
	var rows []byte
	var own, days, hours float64
	c := &cobra.Command{Use: "propose RECIPE.json", Short: "Ask hospitals to train a model together; you coordinate", Args: cobra.ExactArgs(1),
		Long: "RECIPE.json says model, schema, units, coding of the label, steps and noise (docs/training.md), and so whether records are\ncharts or de-identified studies. Every site votes; with --quorum of them rounds begin, which `manx hospital` carries out. What it costs a record in privacy follows from noise\nand rounds, is shown before the vote, and is paid from each record's budget.",
		RunE: func(cmd *cobra.Command, args []string) error {
			for _, list := range []struct {
				in []string
				to *[]ledger.PartyID
			}{{with, &body.Sites}, {users, &body.Users}} {
				for _, w := range list.in {
					p, err := partyNamed(w)
					if err != nil {
						return err
					}
					*list.to = append(*list.to, p)
				}
			}
			if !(own >= 0 && own <= 100) || !(hours > 0 && hours <= 24*365) || !(days > 0 && days <= 366) || hours >= 24*days {
				return usage{errors.New("--own is 0 to 100 percent, --hours and --days are above 0, and the vote ends before the training does")}
			}
			body.Own, body.Voting, body.Until = uint32(own*ledger.WholeShare/100), ledger.Time(hours*3600), ledger.Time(days*86400)
			raw, err := readInput(args[0])
			if err != nil {
				return err
			}
			var r recipe.Recipe
			if err := ledger.Decode(raw, &r); err != nil {
				return notice.Because(err, notice.Invalid, "the recipe is not the JSON of one", "docs/training.md lists its fields")
			}
			if body.Quorum == 0 {
				body.Quorum = max(ledger.MinTrainingSites, 2*len(body.Sites)/3+1)
			}
			if err := computing(&r, shares, body.Sites); err != nil {
				return err
			}
			if judge != "" {
				if rows, err = readInput(judge); err != nil {
					return err
				}
				if err := r.SetJudge(by, rows); err != nil {
					return err
				}
			}
			if err := r.Propose(&body); err != nil {
				return err
			}
			if from != "" {
				if err := t.goOn(cmd.Context(), from, &body); err != nil {
					return err
				}
			}
			a, err := t.order(cmd.Context(), training.Order{What: "propose", Proposal: &body, Judge: rows})
			if err != nil {
				return err
			}
			t.say(map[string]any{"ok": true, "training": a.Training}, func(w io.Writer) {
				fmt.Fprintf(w, "%s\teach site now votes: by its policy, or manx train join %s --table FILE\n", a.Training, a.Training)
				fmt.Fprintf(w, "\t%s\n", costText(body.Noise))
			})
			return nil
		}}
	f := c.Flags()
	f.StringArrayVar(&with, "with", nil, "PartyID of a hospital; three at least, yourself too where you take part")
	f.StringVar(&body.Title, "title", "", "what it is about, in a line that everybody on the ledger can read")
	f.StringVar(&body.Hub, "hub", "", "host:port of the hub where sites and coordinator meet: `manx party hub`")
	f.IntVar(&body.Rounds, "rounds", 30, "rounds that may be opened")
	f.IntVar(&body.Quorum, "quorum", 0, "sites that a round needs (default: more than two thirds)")
	f.IntVar(&body.Minimum, "minimum", 20, "the fewest records that a site takes part with")
	f.StringArrayVar(&users, "user", nil, "PartyID of who may ask for the model; none: whoever you serve")
	f.BoolVar(&body.Export, "export", false, "the model may leave the training and be published, once a quorum assents")
	f.Float64Var(&own, "own", 10, "percent of what the model earns that is yours; the rest is the sites'")
	f.StringVar(&shares, "bounded", "auto", "rounds on shares, where an update beyond its bound is in no sum: yes, no, or auto, for models of at most 10000 parameters; the first four hospitals compute, or those that the recipe names")
	f.StringVar(&judge, "judge", "", "CSV file of rows that every hospital may see, at most 500: what each contributes is measured on them, on shares")
	f.StringVar(&by, "judge-by", recipe.ByShapley, "what the hospitals share by where there is a judge: shapley, or leave-one-out")
	f.StringVar(&from, "from", "", "go on from another training's last version: its id")
	f.Float64Var(&hours, "hours", 24, "how long sites may vote")
	f.Float64Var(&days, "days", 30, "how long the training may last")
	for _, name := range []string{"with", "title", "hub"} {
		_ = c.MarkFlagRequired(name)
	}
	return c
}

// computing has a recipe's rounds on shares, where they are to be and can.
func computing(r *recipe.Recipe, shares string, sites []ledger.PartyID) error {
	switch shares {
	case "no":
		r.Bounded = nil
		return nil
	case "yes", "auto":
	default:
		return usage{errors.New("--bounded is yes, no or auto")}
	}
	if len(r.Bounded) > 0 {
		return nil
	}
	if shares == "auto" && !r.SmallEnough(sites) {
		return nil
	}
	r.Bounded = recipe.Computing(sites)
	return nil
}

// goOn makes a proposal begin with the last version of another training.
func (t *terminal) goOn(ctx context.Context, from string, body *ledger.ProposeTraining) error {
	id, err := trainingNamed(from)
	if err != nil {
		return err
	}
	a, err := t.order(ctx, training.Order{What: "status", Training: id})
	if err != nil {
		return err
	}
	old := a.Status[0]
	if len(old.Versions) == 0 || old.Model.Kind != body.Model.Kind || old.Model.Parameters != body.Model.Parameters {
		return notice.New(notice.Invalid, "that training has no version of this model", "name one that has: `manx train status`")
	}
	if !reflect.DeepEqual(old.Columns, body.Columns) || !reflect.DeepEqual(old.Label, body.Label) {
		return notice.New(notice.Invalid, "that training read other columns, units or codes than this recipe", "take its schema: `manx train status`; a model of another schema begins anew")
	}
	body.From, body.Start = ledger.TrainedFrom{Training: id, Round: old.Versions[len(old.Versions)-1].Round}, old.Last()
	return nil
}

func costText(n ledger.Noise) string {
	if n.IsZero() {
		return "without noise: nothing bounds what the model tells of a record"
	}
	price, err := n.Price()
	if err != nil {
		return "its noise has no price"
	}
	return fmt.Sprintf("costs every record epsilon %.3f at delta 1e-5, over all its rounds", owner.EpsilonOf(price.Epsilon()))
}

func trainJoin(t *terminal) *cobra.Command {
	var o training.Order
	var no bool
	c := &cobra.Command{Use: "join TRAINING", Short: "Take part in a training with a table of yours, or say that you do not", Args: cobra.ExactArgs(1),
		Long: "The table is a CSV file in hospital/tables of the data folder, with the schema's columns (of studies, one named study: the\npath in hospital/studies) and one named record: the id of the record that a row is of. It is read here first, and what does not fit is told with its place. Only rows whose\nrecord has a live grant for this training take part.",
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			if o.Training, err = trainingNamed(args[0]); err != nil {
				return err
			}
			if no == (o.Table != "") {
				return usage{errors.New("give --table FILE, or --no")}
			}
			if no && o.Trainer != "" {
				return usage{errors.New("a trainer takes part with a table")}
			}
			o.What = map[bool]string{true: "decline", false: "join"}[no]
			if _, err := t.order(cmd.Context(), o); err != nil {
				return err
			}
			t.say(map[string]any{"ok": true, "training": o.Training, "takes_part": !no}, func(w io.Writer) {
				if no {
					fmt.Fprintln(w, "you take no part")
					return
				}
				fmt.Fprintf(w, "voted yes\trounds are carried out by: manx hospital\n")
			})
			return nil
		}}
	c.Flags().StringVar(&o.Table, "table", "", "name of a file in hospital/tables")
	c.Flags().StringVar(&o.Trainer, "trainer", "", "name of a program under trainers of hospital/policy.json, which makes the steps")
	c.Flags().BoolVar(&o.Export, "export", false, "assent to the release of its model without being asked")
	c.Flags().BoolVar(&o.Groups, "groups", false, "counts of groups of your patients, as its recipe names them, are in the sums")
	c.Flags().BoolVar(&o.Figures, "figures", false, "publish how versions do on your own held-out records, under your name")
	c.Flags().BoolVar(&no, "no", false, "take no part")
	return c
}

func trainStatus(t *terminal) *cobra.Command {
	var wait bool
	c := &cobra.Command{Use: "status [TRAINING]", Short: "Which trainings concern you, and how far one has come", Args: cobra.RangeArgs(0, 1),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			o := training.Order{What: "status"}
			if len(args) == 1 {
				if o.Training, err = trainingNamed(args[0]); err != nil {
					return err
				}
			}
			if wait && o.Training == "" {
				return usage{errors.New("--wait needs the id of a training")}
			}
			said := ""
			for {
				a, err := t.order(cmd.Context(), o)
				if err != nil {
					return err
				}
				if !wait || a.Status[0].Done {
					t.say(map[string]any{"ok": true, "trainings": listOf(a.Status)}, func(w io.Writer) { writeTrainings(w, a.Status, o.Training != "") })
					return nil
				}
				if now := fmt.Sprintf("%s: round %d of %d", a.Status[0].Stage, a.Status[0].Round, a.Status[0].Rounds); now != said {
					t.tell(now)
					said = now
				}
				select {
				case <-cmd.Context().Done():
					return cmd.Context().Err()
				case <-time.After(time.Second):
				}
			}
		}}
	c.Flags().BoolVar(&wait, "wait", false, "wait until all its rounds are over")
	return c
}

func writeTrainings(w io.Writer, all []training.Status, whole bool) {
	if len(all) == 0 {
		fmt.Fprintln(w, "no training concerns you")
	}
	for _, s := range all {
		fmt.Fprintf(w, "%s\t%s\t%s\tround %d of %d\t%s\n", s.ID, s.Stage, s.Title, s.Round, s.Rounds, count(len(s.Taking()), "site"))
	}
	if !whole {
		return
	}
	s := all[0]
	fmt.Fprintf(w, "model\t%s\t%s\n", s.Model.Kind, count(s.Model.Parameters, "parameter"))
	for _, c := range append(slices.Clone(s.Columns), s.Label) {
		what := c.Unit
		if len(c.Codes) > 0 {
			what = "one of " + strings.Join(c.Codes, ", ")
		} else {
			what = strings.TrimSpace(fmt.Sprintf("%g to %g %s", c.Low, c.High, what))
		}
		name := "column"
		if c.Name == s.Label.Name {
			name = "label"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\n", name, c.Name, what)
	}
	fmt.Fprintf(w, "privacy\t%s\n", costText(s.Noise))
	fmt.Fprintf(w, "needs\t%s, each with %s or more\n", count(s.Quorum, "site"), count(s.Minimum, "record"))
	if n := len(s.Bounded); n > 0 {
		fmt.Fprintf(w, "sums\ton shares of three of %s: %s\n", count(n, "hospital"), strings.Join(texts(s.Bounded), ", "))
	} else {
		fmt.Fprintln(w, "sums\tunder masks, which hold no update to a bound")
	}
	fmt.Fprintf(w, "earnings\tby %s\n", s.SharedBy)
	for _, p := range s.Sites {
		said := "has not voted"
		if i := slices.IndexFunc(s.Votes, func(v ledger.TrainingVote) bool { return v.Site == p }); i >= 0 {
			said = map[bool]string{true: "takes part", false: "takes no part"}[s.Votes[i].Yes]
		}
		if slices.Contains(s.Left, p) {
			said = "has left"
		}
		fmt.Fprintf(w, "site\t%s\t%s\n", p, said)
	}
	if s.Table != "" {
		with := ""
		if s.Trainer != "" {
			with = ", by the trainer " + s.Trainer
		}
		fmt.Fprintf(w, "here\t%s takes part%s\t%s for it\n", s.Table, with, count(s.Granted, "live grant"))
	}
	if s.Held != nil {
		fmt.Fprintf(w, "here\tthe vote waits: %s\t%s\n", s.Held.Text, s.Held.Hint)
	}
	if n := len(s.Versions); n > 0 {
		v := s.Versions[n-1]
		fmt.Fprintf(w, "version\tof round %d, by %s\t%s\n", v.Round, count(len(v.Sites), "site"), v.Hash.String()[:16])
	}
	if r := s.Release; r != nil {
		fmt.Fprintf(w, "release\tof round %d\t%d of %s have assented\n", r.Round, len(r.Agreed), count(s.Quorum, "site"))
		for _, share := range r.Shares {
			fmt.Fprintf(w, "earns\t%s\t%.2f%%\n", share.To, float64(share.Parts)/100)
		}
	}
	fmt.Fprintf(w, "until\t%s\n", when(s.Until))
}

func texts[T ~string](all []T) (out []string) {
	for _, x := range all {
		out = append(out, string(x))
	}
	return out
}

func trainStop(t *terminal) *cobra.Command {
	return &cobra.Command{Use: "stop TRAINING", Short: "End a training that you proposed, or leave one", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := trainingNamed(args[0])
			if err != nil {
				return err
			}
			if err := t.sure("Stop taking part? It cannot be begun again."); err != nil {
				return err
			}
			if _, err := t.order(cmd.Context(), training.Order{What: "stop", Training: id}); err != nil {
				return err
			}
			t.say(map[string]any{"ok": true, "training": id}, func(w io.Writer) {
				fmt.Fprintln(w, "no round uses your records any more; what earlier ones have made stays")
			})
			return nil
		}}
}

func trainContribute(t *terminal) *cobra.Command {
	return &cobra.Command{Use: "contribute TRAINING", Short: "What each hospital has brought to a training, and what it is to earn", Args: cobra.ExactArgs(1),
		Long: "Where the proposal has a judge, three hospitals measure on shares, in every round, what the loss on the judge's rows is\nwithout each hospital (leave one out) and Shapley's values, and sign that; every hospital checks it and comes to the same\nparts, by which a release shares. Without a judge parts are by the rounds that a hospital's update is in.",
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := trainingNamed(args[0])
			if err != nil {
				return err
			}
			a, err := t.order(cmd.Context(), training.Order{What: "contribute", Training: id})
			if err != nil {
				return err
			}
			c := a.Contributions
			t.say(map[string]any{"ok": true, "training": id, "contributions": c}, func(w io.Writer) {
				fmt.Fprintf(w, "parts\tby %s\n", c.By)
				for _, s := range c.Sites {
					line := count(s.Rounds, "round")
					if s.Refused > 0 {
						line += fmt.Sprintf(", beyond its bound in %d", s.Refused)
					}
					if c.By != recipe.ByRounds {
						line += fmt.Sprintf("\tleave one out %+.4f\tshapley %+.4f", s.LeaveOneOut, s.Shapley)
					}
					fmt.Fprintf(w, "site\t%s\t%.2f%%\t%s\n", s.Site, float64(s.Parts)/100, line)
				}
				if n := len(c.Missing); n > 0 {
					fmt.Fprintf(w, "missing\tthis site has not heard what was measured in %s: the next round tells\n", count(n, "round"))
				}
			})
			return nil
		}}
}

func trainRelease(t *terminal) *cobra.Command {
	var o release.Request
	var price string
	var assent bool
	c := &cobra.Command{Use: "release TRAINING", Short: "Ask the sites to let the model go, or assent to that", Args: cobra.ExactArgs(1),
		Long: "The proposer writes the last version and its card into hospital/trainings and signs what each site is to earn; every site\nwhose updates are in it reads that and assents. With a quorum it is published:\n    manx model publish MODEL --card CARD --training TRAINING",
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := trainingNamed(args[0])
			if err != nil {
				return err
			}
			order := training.Order{What: "assent", Training: id}
			if !assent {
				if o.Price, err = ledger.ParseAmount(price); err != nil || o.Price.IsZero() || o.Name == "" {
					return usage{errors.New("give --name, and a --price above 0; or --assent")}
				}
				order.What, order.Release = "release", &o
			}
			a, err := t.order(cmd.Context(), order)
			if err != nil {
				return err
			}
			if assent {
				t.say(map[string]any{"ok": true, "training": id}, func(w io.Writer) { fmt.Fprintln(w, "you assent to the release") })
				return nil
			}
			t.say(map[string]any{"ok": true, "training": id, "release": a.Released}, func(w io.Writer) {
				fmt.Fprintf(w, "release\t%s, %d have assented\n", a.Released.Stage, len(a.Released.Agreed))
				if q := a.Released.Quality; q != nil {
					fmt.Fprintf(w, "measured\tAUC %.3f, accuracy %.3f on held-out records of all sites\n", q.AUC, q.Accuracy)
				}
				if a.Released.Stage == ledger.TrainingReleased && filepath.Ext(a.Released.File) != ".onnx" {
					fmt.Fprintf(w, "released\t%s, for who has the program\n", a.Released.File)
				} else if a.Released.Stage == ledger.TrainingReleased {
					fmt.Fprintf(w, "publish it\tmanx model publish %s --card %s --training %s\n", a.Released.File, a.Released.Card, id)
				} else {
					fmt.Fprintf(w, "sites assent\tmanx train release %s --assent\n", id)
				}
			})
			return nil
		}}
	c.Flags().StringVar(&o.Name, "name", "", "the model's name, lower-case letters, digits and dashes")
	c.Flags().StringVar(&o.Version, "version", "1.0.0", "its version")
	c.Flags().StringVar(&price, "price", "1", "MAN a call")
	c.Flags().BoolVar(&assent, "assent", false, "as a site: assent to the release that is asked for")
	return c
}
