package main

import (
	"context"
	"flag"
	"os"
	"os/signal"
	"syscall"
	"time"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/metadata/metadatainformer"
	"k8s.io/client-go/restmapper"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/controller-manager/pkg/informerfactory"
	"k8s.io/klog/v2"
	"k8s.io/kubernetes/pkg/controller/certificates/rootcacertpublisher"
	"k8s.io/kubernetes/pkg/controller/clusterroleaggregation"
	"k8s.io/kubernetes/pkg/controller/deployment"
	"k8s.io/kubernetes/pkg/controller/endpointslice"
	"k8s.io/kubernetes/pkg/controller/garbagecollector"
	"k8s.io/kubernetes/pkg/controller/job"
	"k8s.io/kubernetes/pkg/controller/namespace"
	"k8s.io/kubernetes/pkg/controller/replicaset"
	"k8s.io/kubernetes/pkg/controller/serviceaccount"
	"k8s.io/kubernetes/pkg/controller/statefulset"
)

// controllers runs the controllers a test cluster needs, wired as kube-controller-manager wires them, without its
// volume, node, cloud and scheduling packages (a quarter of the whole build), and with garbage collection that notices
// a new CRD after -sync instead of the manager's fixed 30 s.
func controllers() {
	kubeconfig := flag.String("kubeconfig", "", "kubeconfig of a cluster admin")
	caFile := flag.String("root-ca-file", "", "CA published as kube-root-ca.crt in every namespace")
	sync := flag.Duration("sync", 2*time.Second, "how often garbage collection looks for new kinds")
	fakeNode := flag.Bool("fake-node", false, "bind every pod to a make-believe node and report it Ready")
	ignore := flag.String("fake-node-ignore", "", "label selector of pods that someone else runs")
	flag.CommandLine.Parse(os.Args[1:])

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	log := klog.FromContext(ctx)
	config, err := clientcmd.BuildConfigFromFlags("", *kubeconfig)
	check(err)
	config.QPS, config.Burst = 500, 1000
	rootCA, err := os.ReadFile(*caFile)
	check(err)
	client := kubernetes.NewForConfigOrDie(config)
	meta := metadata.NewForConfigOrDie(config)
	typed := informers.NewSharedInformerFactory(client, 0)
	objects := metadatainformer.NewSharedInformerFactory(meta, 0)
	started := make(chan struct{})
	core, apps := typed.Core().V1(), typed.Apps().V1()

	mapper := restmapper.NewDeferredDiscoveryRESTMapper(memory.NewMemCacheClient(client.Discovery()))
	gc, err := garbagecollector.NewGarbageCollector(ctx, client, meta, mapper, garbagecollector.DefaultIgnoredResources(),
		informerfactory.NewInformerFactory(typed, objects), started)
	check(err)
	ns := namespace.NewNamespaceController(ctx, client, meta, client.Discovery().ServerPreferredNamespacedResources,
		core.Namespaces(), 5*time.Minute, v1.FinalizerKubernetes)
	accounts, err := serviceaccount.NewServiceAccountsController(log, core.ServiceAccounts(), core.Namespaces(), client,
		serviceaccount.ServiceAccountsControllerOptions{
			ServiceAccounts: []v1.ServiceAccount{{ObjectMeta: metav1.ObjectMeta{Name: "default"}}}})
	check(err)
	ca, err := rootcacertpublisher.NewPublisher(core.ConfigMaps(), core.Namespaces(), client, rootCA)
	check(err)
	deployments, err := deployment.NewDeploymentController(ctx, apps.Deployments(), apps.ReplicaSets(), core.Pods(), client)
	check(err)
	replicas := replicaset.NewReplicaSetController(ctx, apps.ReplicaSets(), core.Pods(), client, replicaset.BurstReplicas)
	sets := statefulset.NewStatefulSetController(ctx, core.Pods(), apps.StatefulSets(), core.PersistentVolumeClaims(),
		apps.ControllerRevisions(), client)
	jobs, err := job.NewController(ctx, client, core.Pods(), typed.Batch().V1().Jobs(),
		typed.Scheduling().V1beta1().Workloads(), typed.Scheduling().V1beta1().PodGroups())
	check(err)
	roles := clusterroleaggregation.NewClusterRoleAggregation(typed.Rbac().V1().ClusterRoles(), client.RbacV1())
	slices := endpointslice.NewController(ctx, core.Pods(), core.Services(), core.Nodes(),
		typed.Discovery().V1().EndpointSlices(), 100, client, 0)

	for _, run := range []func(){
		func() { gc.Run(ctx, 8, *sync) },
		func() { gc.Sync(ctx, client.Discovery(), *sync) },
		func() { ns.Run(ctx, 8) },
		func() { accounts.Run(ctx, 2) },
		func() { ca.Run(ctx, 1) },
		func() { deployments.Run(ctx, 4) },
		func() { replicas.Run(ctx, 4) },
		func() { sets.Run(ctx, 4) },
		func() { jobs.Run(ctx, 4) },
		func() { roles.Run(ctx, 2) },
		func() { slices.Run(ctx, 2) },
	} {
		go run()
	}
	if *fakeNode {
		startFakeNode(ctx, client, typed, *ignore)
	}
	typed.Start(ctx.Done())
	objects.Start(ctx.Done())
	close(started)
	<-ctx.Done()
}

func check(err error) {
	if err != nil {
		klog.Fatal(err)
	}
}
