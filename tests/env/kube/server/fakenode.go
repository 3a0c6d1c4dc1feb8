package main

import (
	"context"
	"fmt"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"
)

const nodeName = "fake-node"

// An annotation that keeps a pod from getting Ready or Succeeded: "Pending", "NotReady" or "Failed".
const phaseAnnotation = "fake-node/phase"

// startFakeNode plays scheduler and kubelet without containers: a pod is bound to one node, becomes Ready at once
// (Succeeded where its restart policy is not Always, so Jobs complete) and goes away when deleted. Pods that match the
// label selector ignore are left alone.
func startFakeNode(ctx context.Context, client kubernetes.Interface, factory informers.SharedInformerFactory, ignore string) {
	ignored := labels.Nothing()
	if ignore != "" {
		var err error
		ignored, err = labels.Parse(ignore)
		check(err)
	}
	room := v1.ResourceList{v1.ResourceCPU: resource.MustParse("1000"), v1.ResourceMemory: resource.MustParse("1Ti"),
		v1.ResourcePods: resource.MustParse("10k")}
	nodes := client.CoreV1().Nodes()
	_, err := nodes.Create(ctx, &v1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: nodeName, Labels: map[string]string{v1.LabelHostname: nodeName,
			v1.LabelOSStable: "linux", v1.LabelArchStable: "amd64"}},
		Status: v1.NodeStatus{Capacity: room, Allocatable: room,
			Conditions: []v1.NodeCondition{{Type: v1.NodeReady, Status: v1.ConditionTrue, Reason: "FakeNode"}}},
	}, metav1.CreateOptions{})
	if err != nil && !errors.IsAlreadyExists(err) {
		check(err)
	}
	// Admission taints every new node not-ready; the node controller, which is not here, would lift that.
	_, err = nodes.Patch(ctx, nodeName, types.MergePatchType, []byte(`{"spec":{"taints":null}}`), metav1.PatchOptions{})
	check(err)
	changed := make(chan *v1.Pod, 10000)
	_, err = factory.Core().V1().Pods().Informer().AddEventHandlerWithResyncPeriod(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(o any) { changed <- o.(*v1.Pod) },
		UpdateFunc: func(_, o any) { changed <- o.(*v1.Pod) },
	}, 5*time.Second)
	check(err)
	go func() {
		for i := 0; ; i++ {
			select {
			case <-ctx.Done():
				return
			case pod := <-changed:
				if ignored.Matches(labels.Set(pod.Labels)) {
					continue
				}
				if err := step(ctx, client, pod, i); err != nil && !errors.IsNotFound(err) && !errors.IsConflict(err) {
					klog.ErrorS(err, "fake node", "pod", klog.KObj(pod))
				}
			}
		}
	}()
}

func step(ctx context.Context, client kubernetes.Interface, pod *v1.Pod, i int) error {
	pods := client.CoreV1().Pods(pod.Namespace)
	switch want := pod.Annotations[phaseAnnotation]; {
	case pod.DeletionTimestamp != nil:
		if len(pod.Finalizers) > 0 && pod.DeletionGracePeriodSeconds != nil && *pod.DeletionGracePeriodSeconds == 0 {
			return nil
		}
		return pods.Delete(ctx, pod.Name, *metav1.NewDeleteOptions(0))
	case pod.Spec.NodeName == "":
		if len(pod.Spec.SchedulingGates) > 0 || want == string(v1.PodPending) {
			return nil
		}
		return pods.Bind(ctx, &v1.Binding{ObjectMeta: metav1.ObjectMeta{Name: pod.Name, UID: pod.UID},
			Target: v1.ObjectReference{Kind: "Node", Name: nodeName}}, metav1.CreateOptions{})
	case pod.Spec.NodeName == nodeName && (pod.Status.Phase == v1.PodPending || pod.Status.Phase == ""):
		pod = pod.DeepCopy()
		now := metav1.NewTime(time.Now())
		ready, phase := v1.ConditionTrue, v1.PodRunning
		state := v1.ContainerState{Running: &v1.ContainerStateRunning{StartedAt: now}}
		switch {
		case want == "NotReady":
			ready = v1.ConditionFalse
		case want == string(v1.PodFailed) && pod.Spec.RestartPolicy == v1.RestartPolicyAlways:
			ready = v1.ConditionFalse
			state = v1.ContainerState{Waiting: &v1.ContainerStateWaiting{Reason: "CrashLoopBackOff"}}
		case want == string(v1.PodFailed):
			ready, phase = v1.ConditionFalse, v1.PodFailed
			state = v1.ContainerState{Terminated: &v1.ContainerStateTerminated{ExitCode: 1, Reason: "Error", StartedAt: now, FinishedAt: now}}
		case pod.Spec.RestartPolicy != v1.RestartPolicyAlways:
			ready, phase = v1.ConditionFalse, v1.PodSucceeded
			state = v1.ContainerState{Terminated: &v1.ContainerStateTerminated{Reason: "Completed", StartedAt: now, FinishedAt: now}}
		}
		pod.Status.Phase, pod.Status.StartTime, pod.Status.HostIP = phase, &now, "127.0.0.1"
		pod.Status.PodIP = fmt.Sprintf("10.244.%d.%d", i/250%250, i%250+1)
		pod.Status.PodIPs = []v1.PodIP{{IP: pod.Status.PodIP}}
		pod.Status.Conditions = nil
		for kind, status := range map[v1.PodConditionType]v1.ConditionStatus{v1.PodScheduled: v1.ConditionTrue,
			v1.PodInitialized: v1.ConditionTrue, v1.ContainersReady: ready, v1.PodReady: ready} {
			pod.Status.Conditions = append(pod.Status.Conditions,
				v1.PodCondition{Type: kind, Status: status, LastTransitionTime: now})
		}
		pod.Status.ContainerStatuses = nil
		for _, c := range pod.Spec.Containers {
			started := state.Waiting == nil
			pod.Status.ContainerStatuses = append(pod.Status.ContainerStatuses, v1.ContainerStatus{Name: c.Name,
				Image: c.Image, Ready: ready == v1.ConditionTrue, Started: &started, State: state})
		}
		_, err := pods.UpdateStatus(ctx, pod, metav1.UpdateOptions{})
		return err
	}
	return nil
}
