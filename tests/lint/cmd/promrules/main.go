// promrules checks Prometheus alerting rules and runs their tests with Prometheus' own parser and rule engine.
//
//	promrules check FILE...   rule files; exit code 1 and what is wrong
//	promrules test FILE...    test files in promtool's format: input_series and alert_rule_test
//
// promtool itself cannot be built from the module proxy alone: it links every service discovery there is. What it does
// with rules is in packages that need none of them.
package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/common/promslog"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/promql/promqltest"
	"github.com/prometheus/prometheus/rules"
	"go.yaml.in/yaml/v3"
)

type testFile struct {
	RuleFiles          []string       `yaml:"rule_files"`
	EvaluationInterval model.Duration `yaml:"evaluation_interval"`
	Tests              []testGroup    `yaml:"tests"`
}

type testGroup struct {
	Name           string         `yaml:"name"`
	Interval       model.Duration `yaml:"interval"`
	InputSeries    []series       `yaml:"input_series"`
	AlertRuleTests []alertTest    `yaml:"alert_rule_test"`
}

type series struct {
	Series string `yaml:"series"`
	Values string `yaml:"values"`
}

type alertTest struct {
	EvalTime  model.Duration `yaml:"eval_time"`
	Alertname string         `yaml:"alertname"`
	ExpAlerts []alert        `yaml:"exp_alerts"`
}

type alert struct {
	Labels      map[string]string `yaml:"exp_labels"`
	Annotations map[string]string `yaml:"exp_annotations"`
}

var promqlParser = parser.NewParser(parser.Options{})

func main() {
	if len(os.Args) < 3 || (os.Args[1] != "check" && os.Args[1] != "test") {
		fmt.Fprintln(os.Stderr, "usage: promrules check|test FILE...")
		os.Exit(2)
	}
	failed := false
	for _, file := range os.Args[2:] {
		var count int
		var problems []error
		if os.Args[1] == "check" {
			count, problems = check(file)
		} else {
			count, problems = test(file)
		}
		for _, problem := range problems {
			fmt.Fprintf(os.Stderr, "%s: %v\n", file, problem)
		}
		if count == 0 {
			fmt.Fprintf(os.Stderr, "%s: nothing to %s\n", file, os.Args[1])
		}
		failed = failed || len(problems) > 0 || count == 0
		fmt.Printf("%s: %d %sed, %d problems\n", file, count, os.Args[1], len(problems))
	}
	if failed {
		os.Exit(1)
	}
}

// check parses a rule file as Prometheus would, and counts its rules.
func check(file string) (int, []error) {
	groups, problems := rulefmt.ParseFile(file, false, model.UTF8Validation, promqlParser, promslog.NewNopLogger())
	if groups == nil {
		return 0, problems
	}
	count := 0
	for _, group := range groups.Groups {
		count += len(group.Rules)
	}
	return count, problems
}

// test runs a test file, and counts its expectations.
func test(file string) (int, []error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return 0, []error{err}
	}
	decoder := yaml.NewDecoder(strings.NewReader(string(content)))
	// A misspelled field would be a test that asks for nothing.
	decoder.KnownFields(true)
	var tests testFile
	if err := decoder.Decode(&tests); err != nil {
		return 0, []error{err}
	}
	if tests.EvaluationInterval == 0 {
		tests.EvaluationInterval = model.Duration(time.Minute)
	}
	var files []string
	for _, name := range tests.RuleFiles {
		files = append(files, filepath.Join(filepath.Dir(file), name))
	}
	count := 0
	var problems []error
	for _, group := range tests.Tests {
		count += len(group.AlertRuleTests)
		for _, problem := range group.run(time.Duration(tests.EvaluationInterval), files) {
			problems = append(problems, fmt.Errorf("%s: %w", group.Name, problem))
		}
	}
	return count, problems
}

func (group testGroup) run(evaluation time.Duration, files []string) []error {
	interval := time.Duration(group.Interval)
	if interval == 0 {
		interval = evaluation
	}
	input := fmt.Sprintf("load %v\n", model.Duration(interval))
	for _, each := range group.InputSeries {
		input += fmt.Sprintf("  %s %s\n", each.Series, each.Values)
	}
	suite, err := promqltest.NewLazyLoader(input, promqltest.LazyLoaderOpts{Parser: promqlParser})
	if err != nil {
		return []error{err}
	}
	defer suite.Close()
	suite.SubqueryInterval = evaluation
	manager := rules.NewManager(&rules.ManagerOptions{
		QueryFunc:    rules.EngineQueryFunc(suite.QueryEngine(), suite.Storage()),
		AppendableV2: suite.Storage(),
		Context:      context.Background(),
		NotifyFunc:   func(context.Context, string, ...*rules.Alert) {},
		Logger:       promslog.NewNopLogger(),
		Parser:       promqlParser,
	})
	loaded, problems := manager.LoadGroups(evaluation, labels.EmptyLabels(), "", nil, false, files...)
	if problems != nil {
		return problems
	}
	last := time.Duration(0)
	for _, each := range group.AlertRuleTests {
		last = max(last, time.Duration(each.EvalTime))
	}
	for now := time.Duration(0); now <= last; now += evaluation {
		at := time.Unix(0, 0).UTC().Add(now)
		suite.WithSamplesTill(at, func(err error) {
			if err != nil {
				problems = append(problems, err)
				return
			}
			for _, each := range loaded {
				each.Eval(suite.Context(), at)
			}
			for _, expected := range group.AlertRuleTests {
				if time.Duration(expected.EvalTime) == now {
					problems = append(problems, expected.compare(loaded)...)
				}
			}
		})
	}
	for _, each := range group.AlertRuleTests {
		if time.Duration(each.EvalTime)%evaluation != 0 {
			problems = append(problems, fmt.Errorf("eval_time %v is between two evaluations", each.EvalTime))
		}
	}
	return problems
}

// compare says how the firing alerts of one name differ from what is expected.
func (expected alertTest) compare(groups map[string]*rules.Group) []error {
	var problems []error
	var firing []string
	known := false
	for _, group := range groups {
		for _, rule := range group.Rules() {
			if rule.Name() == expected.Alertname {
				known = true
			}
			alerting, ok := rule.(*rules.AlertingRule)
			if !ok || rule.Name() != expected.Alertname {
				continue
			}
			if err := rule.LastError(); err != nil {
				problems = append(problems, err)
			}
			for _, active := range alerting.ActiveAlerts() {
				if active.State == rules.StateFiring {
					firing = append(firing, text(active.Labels.Map(), active.Annotations.Map()))
				}
			}
		}
	}
	if !known {
		return []error{fmt.Errorf("no alert is called %q", expected.Alertname)}
	}
	var wanted []string
	for _, each := range expected.ExpAlerts {
		each.Labels["alertname"] = expected.Alertname
		wanted = append(wanted, text(each.Labels, each.Annotations))
	}
	slices.Sort(firing)
	slices.Sort(wanted)
	if !slices.Equal(firing, wanted) {
		problems = append(problems, fmt.Errorf("%s at %v fires\n  %s\nexpected\n  %s", expected.Alertname, expected.EvalTime,
			strings.Join(firing, "\n  "), strings.Join(wanted, "\n  ")))
	}
	return problems
}

func text(labels, annotations map[string]string) string {
	return fmt.Sprintf("%v %v", labels, annotations)
}
