// gitops tells what GitOps tools make of objects, by the code they themselves use: Argo CD's Lua interpreter with the
// libraries it opens for scripts of users, and the kstatus library that Flux and Helm wait with.
//
//	gitops health SCRIPT      health of each object on stdin, one JSON object per line; one JSON answer per line
//	gitops discovery SCRIPT   the same for the actions that are offered
//	gitops action SCRIPT      the same for the object after an action
//	gitops kstatus            status by kstatus
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	lua "github.com/yuin/gopher-lua"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// As long as Argo CD waits for a script.
const patience = time.Second

// Longest line: an object of etcd has at most 1.5 MiB.
const longest = 4 << 20

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(arguments []string) error {
	if len(arguments) == 0 {
		return fmt.Errorf("usage: gitops health|discovery|action SCRIPT, or gitops kstatus; objects on stdin")
	}
	answer := kstatus
	if arguments[0] != "kstatus" {
		if len(arguments) != 2 {
			return fmt.Errorf("%s needs a script", arguments[0])
		}
		script, err := os.ReadFile(arguments[1])
		if err != nil {
			return err
		}
		answer = func(object map[string]any) (any, error) { return execute(string(script), object) }
	}
	input := bufio.NewScanner(os.Stdin)
	input.Buffer(make([]byte, 0, 64<<10), longest)
	output := json.NewEncoder(os.Stdout)
	for input.Scan() {
		var object map[string]any
		if err := json.Unmarshal(input.Bytes(), &object); err != nil {
			return err
		}
		result, err := answer(object)
		if err != nil {
			return err
		}
		if err := output.Encode(result); err != nil {
			return err
		}
	}
	return input.Err()
}

func kstatus(object map[string]any) (any, error) {
	result, err := status.Compute(&unstructured.Unstructured{Object: integers(object).(map[string]any)})
	if err != nil {
		return nil, err
	}
	return map[string]any{"status": result.Status.String(), "message": result.Message}, nil
}

// integers gives whole numbers the type that a Kubernetes client gives them.
func integers(value any) any {
	switch value := value.(type) {
	case float64:
		if value == float64(int64(value)) {
			return int64(value)
		}
	case []any:
		for index := range value {
			value[index] = integers(value[index])
		}
	case map[string]any:
		for key := range value {
			value[key] = integers(value[key])
		}
	}
	return value
}

// execute runs a script with the object as `obj`, and gives what it returns. Only the libraries that Argo CD opens are
// there: no string, no math, no io.
func execute(script string, object map[string]any) (any, error) {
	state := lua.NewState(lua.Options{SkipOpenLibs: true})
	defer state.Close()
	for name, open := range map[string]lua.LGFunction{
		lua.LoadLibName: lua.OpenPackage, lua.BaseLibName: lua.OpenBase, lua.TabLibName: lua.OpenTable, lua.OsLibName: openClock,
	} {
		function := lua.P{Fn: state.NewFunction(open), NRet: 0, Protect: true}
		if err := state.CallByParam(function, lua.LString(name)); err != nil {
			return nil, err
		}
	}
	limited, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	state.PreloadModule(lua.OsLibName, func(state *lua.LState) int { state.Push(state.GetGlobal(lua.OsLibName)); return 1 })
	state.SetContext(limited)
	state.SetGlobal("obj", toLua(state, object))
	if err := state.DoString(script); err != nil {
		return nil, err
	}
	table, ok := state.Get(-1).(*lua.LTable)
	if !ok {
		return nil, fmt.Errorf("the script returns no table but %s", state.Get(-1).Type())
	}
	return toGo(table), nil
}

// openClock is what Argo CD leaves of the library `os`: the time of day. Here it stands still, so that what a script
// makes of it can be compared.
func openClock(state *lua.LState) int {
	state.SetGlobal(lua.OsLibName, state.SetFuncs(state.NewTable(), map[string]lua.LGFunction{
		"time": func(state *lua.LState) int { state.Push(lua.LNumber(1767225600)); return 1 },
		"date": func(state *lua.LState) int {
			const format, fixed = "!%Y-%m-%dT%XZ", "2026-01-01T00:00:00Z"
			if asked := state.OptString(1, ""); asked != format {
				state.RaiseError("os.date(%q): only %q is known here", asked, format)
			}
			state.Push(lua.LString(fixed))
			return 1
		},
	}))
	return 0
}

func toLua(state *lua.LState, value any) lua.LValue {
	switch value := value.(type) {
	case bool:
		return lua.LBool(value)
	case float64:
		return lua.LNumber(value)
	case string:
		return lua.LString(value)
	case []any:
		table := state.CreateTable(len(value), 0)
		for _, each := range value {
			table.Append(toLua(state, each))
		}
		return table
	case map[string]any:
		table := state.CreateTable(0, len(value))
		for key, each := range value {
			table.RawSetString(key, toLua(state, each))
		}
		return table
	}
	return lua.LNil
}

// toGo is the way back. An empty table is an empty list, as it is for Argo CD, which cannot tell the two apart either.
func toGo(value lua.LValue) any {
	switch value := value.(type) {
	case lua.LBool:
		return bool(value)
	case lua.LNumber:
		return float64(value)
	case lua.LString:
		return string(value)
	case *lua.LTable:
		if first, _ := value.Next(lua.LNil); first == lua.LNil || first.Type() == lua.LTNumber {
			list := []any{}
			value.ForEach(func(_, each lua.LValue) { list = append(list, toGo(each)) })
			return list
		}
		object := map[string]any{}
		value.ForEach(func(key, each lua.LValue) { object[key.String()] = toGo(each) })
		return object
	}
	return nil
}
