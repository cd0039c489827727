// Command check reads Kubernetes objects as YAML from standard input and checks each
// as an API server would: no unknown field, what the types say, and the server's own
// rules of validation; pods against the pod security standard "restricted"; objects of
// a CRD against its schema. It prints the objects as one JSON array, or one line for
// each thing that is wrong and exits 1.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/pruning"
	crdvalidation "k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/util/validation/field"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/kubernetes/pkg/api/legacyscheme"
	"k8s.io/kubernetes/pkg/apis/apps"
	_ "k8s.io/kubernetes/pkg/apis/apps/install"
	appsvalidation "k8s.io/kubernetes/pkg/apis/apps/validation"
	"k8s.io/kubernetes/pkg/apis/core"
	_ "k8s.io/kubernetes/pkg/apis/core/install"
	corevalidation "k8s.io/kubernetes/pkg/apis/core/validation"
	"k8s.io/kubernetes/pkg/apis/networking"
	_ "k8s.io/kubernetes/pkg/apis/networking/install"
	networkingvalidation "k8s.io/kubernetes/pkg/apis/networking/validation"
	"k8s.io/kubernetes/pkg/apis/policy"
	_ "k8s.io/kubernetes/pkg/apis/policy/install"
	policyvalidation "k8s.io/kubernetes/pkg/apis/policy/validation"
	podsecurity "k8s.io/pod-security-admission/api"
	securitypolicy "k8s.io/pod-security-admission/policy"
	"sigs.k8s.io/yaml"
)

func main() {
	crd := flag.String("crd", "", "file of a CustomResourceDefinition")
	namespace := flag.String("namespace", "default", "of objects that name none")
	flag.Parse()
	objects, wrong := run(os.Stdin, *crd, *namespace)
	if len(wrong) > 0 {
		for _, w := range wrong {
			fmt.Println(w)
		}
		os.Exit(1)
	}
	if err := json.NewEncoder(os.Stdout).Encode(objects); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(in io.Reader, crdFile, namespace string) (objects []json.RawMessage, wrong []string) {
	custom, err := readCRD(crdFile)
	if err != nil {
		return nil, []string{err.Error()}
	}
	strict := serializer.NewCodecFactory(legacyscheme.Scheme, serializer.EnableStrict).UniversalDeserializer()
	evaluator, err := securitypolicy.NewEvaluator(securitypolicy.DefaultChecks(), nil)
	if err != nil {
		return nil, []string{err.Error()}
	}
	docs := utilyaml.NewYAMLReader(bufio.NewReader(in))
	for {
		doc, err := docs.Read()
		if errors.Is(err, io.EOF) {
			return objects, wrong
		}
		if err != nil {
			return nil, append(wrong, err.Error())
		}
		b, err := yaml.YAMLToJSONStrict(doc)
		if err != nil {
			return nil, append(wrong, err.Error())
		}
		if bytes.Equal(b, []byte("null")) {
			continue
		}
		var head struct {
			metav1.TypeMeta
			metav1.ObjectMeta `json:"metadata"`
		}
		if err := json.Unmarshal(b, &head); err != nil {
			return nil, append(wrong, err.Error())
		}
		say := func(format string, args ...any) {
			wrong = append(wrong, head.Kind+" "+head.Name+": "+fmt.Sprintf(format, args...))
		}
		objects = append(objects, b)
		if custom != nil && head.APIVersion == custom.version && head.Kind == custom.kind {
			for _, w := range custom.check(b) {
				say("%s", w)
			}
			continue
		}
		object, _, err := strict.Decode(b, nil, nil)
		if err != nil {
			say("%v", err)
			continue
		}
		legacyscheme.Scheme.Default(object)
		for _, e := range validate(object, namespace) {
			say("%v", e)
		}
		if pod, ok := podOf(object); ok {
			for _, r := range evaluator.EvaluatePod(podsecurity.LevelVersion{Level: podsecurity.LevelRestricted, Version: podsecurity.LatestVersion()}, &metav1.ObjectMeta{}, pod) {
				if !r.Allowed {
					say("%s: %s", r.ForbiddenReason, r.ForbiddenDetail)
				}
			}
		}
	}
}

func podOf(o runtime.Object) (*corev1.PodSpec, bool) {
	switch o := o.(type) {
	case *appsv1.StatefulSet:
		return &o.Spec.Template.Spec, true
	case *appsv1.Deployment:
		return &o.Spec.Template.Spec, true
	}
	return nil, false
}

// validate runs the API server's rules for creating the object.
func validate(o runtime.Object, namespace string) field.ErrorList {
	in, err := legacyscheme.Scheme.ConvertToVersion(o, runtime.InternalGroupVersioner)
	if err != nil {
		return field.ErrorList{field.InternalError(nil, err)}
	}
	if m, ok := in.(metav1.Object); ok && m.GetNamespace() == "" {
		m.SetNamespace(namespace)
	}
	pods := corevalidation.PodValidationOptions{}
	switch o := in.(type) {
	case *apps.StatefulSet:
		return appsvalidation.ValidateStatefulSet(o, appsvalidation.StatefulSetValidationOptions{}, pods)
	case *apps.Deployment:
		return appsvalidation.ValidateDeployment(o, pods)
	case *core.Service:
		if o.Spec.ClusterIP != "" && len(o.Spec.ClusterIPs) == 0 { // as the server does first
			o.Spec.ClusterIPs = []string{o.Spec.ClusterIP}
		}
		return corevalidation.ValidateServiceCreate(o)
	case *core.ConfigMap:
		return corevalidation.ValidateConfigMap(o)
	case *core.ServiceAccount:
		return corevalidation.ValidateServiceAccount(o)
	case *networking.NetworkPolicy:
		return networkingvalidation.ValidateNetworkPolicy(o, networkingvalidation.NetworkPolicyValidationOptions{})
	case *policy.PodDisruptionBudget:
		return policyvalidation.ValidatePodDisruptionBudget(o, policyvalidation.PodDisruptionBudgetValidationOptions{})
	}
	return field.ErrorList{field.InternalError(nil, fmt.Errorf("no rules for %T here", in))}
}

// A customResource is one kind that a CRD defines.
type customResource struct {
	version, kind string
	structural    *schema.Structural
	validator     crdvalidation.SchemaValidator
}

func readCRD(file string) (*customResource, error) {
	if file == "" {
		return nil, nil
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var d apiextensionsv1.CustomResourceDefinition
	if err := yaml.UnmarshalStrict(b, &d); err != nil {
		return nil, fmt.Errorf("read %s: %w", file, err)
	}
	for _, v := range d.Spec.Versions {
		if !v.Served {
			continue
		}
		var props apiextensions.JSONSchemaProps
		if err := apiextensionsv1.Convert_v1_JSONSchemaProps_To_apiextensions_JSONSchemaProps(v.Schema.OpenAPIV3Schema, &props, nil); err != nil {
			return nil, err
		}
		structural, err := schema.NewStructural(&props)
		if err != nil {
			return nil, err
		}
		validator, _, err := crdvalidation.NewSchemaValidator(&props)
		if err != nil {
			return nil, err
		}
		return &customResource{d.Spec.Group + "/" + v.Name, d.Spec.Names.Kind, structural, validator}, nil
	}
	return nil, fmt.Errorf("%s serves no version", file)
}

func (c *customResource) check(b []byte) (wrong []string) {
	var object map[string]any
	if err := json.Unmarshal(b, &object); err != nil {
		return []string{err.Error()}
	}
	for _, path := range pruning.PruneWithOptions(runtime.DeepCopyJSON(object), c.structural, true, schema.UnknownFieldPathOptions{TrackUnknownFieldPaths: true}) {
		wrong = append(wrong, "unknown field "+path)
	}
	for _, e := range crdvalidation.ValidateCustomResource(nil, object, c.validator) {
		wrong = append(wrong, e.Error())
	}
	return wrong
}
