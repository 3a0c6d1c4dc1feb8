//! Operation names of the REST-JSON services by method and path. Pure.
//!
//! `{}` stands for one segment, a final `{+}` for all that follow (ARNs may come with their slashes unescaped).

/// One operation: method, path template, name.
type Entry = (&'static str, &'static str, &'static str);

/// API Gateway, version 1 of its API.
const API_GATEWAY: &[Entry] = &[
    ("POST", "/restapis", "CreateRestApi"),
    ("GET", "/restapis", "GetRestApis"),
    ("GET", "/restapis/{}", "GetRestApi"),
    ("PUT", "/restapis/{}", "PutRestApi"),
    ("PATCH", "/restapis/{}", "UpdateRestApi"),
    ("DELETE", "/restapis/{}", "DeleteRestApi"),
    ("GET", "/restapis/{}/resources", "GetResources"),
    ("GET", "/restapis/{}/resources/{}", "GetResource"),
    ("POST", "/restapis/{}/resources/{}", "CreateResource"),
    ("PATCH", "/restapis/{}/resources/{}", "UpdateResource"),
    ("DELETE", "/restapis/{}/resources/{}", "DeleteResource"),
    ("GET", "/restapis/{}/resources/{}/methods/{}", "GetMethod"),
    ("PUT", "/restapis/{}/resources/{}/methods/{}", "PutMethod"),
    ("PATCH", "/restapis/{}/resources/{}/methods/{}", "UpdateMethod"),
    ("DELETE", "/restapis/{}/resources/{}/methods/{}", "DeleteMethod"),
    ("POST", "/restapis/{}/resources/{}/methods/{}", "TestInvokeMethod"),
    ("GET", "/restapis/{}/resources/{}/methods/{}/integration", "GetIntegration"),
    ("PUT", "/restapis/{}/resources/{}/methods/{}/integration", "PutIntegration"),
    ("PATCH", "/restapis/{}/resources/{}/methods/{}/integration", "UpdateIntegration"),
    ("DELETE", "/restapis/{}/resources/{}/methods/{}/integration", "DeleteIntegration"),
    ("GET", "/restapis/{}/authorizers", "GetAuthorizers"),
    ("POST", "/restapis/{}/authorizers", "CreateAuthorizer"),
    ("GET", "/restapis/{}/authorizers/{}", "GetAuthorizer"),
    ("PATCH", "/restapis/{}/authorizers/{}", "UpdateAuthorizer"),
    ("DELETE", "/restapis/{}/authorizers/{}", "DeleteAuthorizer"),
    ("POST", "/restapis/{}/authorizers/{}", "TestInvokeAuthorizer"),
    ("GET", "/restapis/{}/gatewayresponses", "GetGatewayResponses"),
    ("GET", "/restapis/{}/gatewayresponses/{}", "GetGatewayResponse"),
    ("PUT", "/restapis/{}/gatewayresponses/{}", "PutGatewayResponse"),
    ("PATCH", "/restapis/{}/gatewayresponses/{}", "UpdateGatewayResponse"),
    ("DELETE", "/restapis/{}/gatewayresponses/{}", "DeleteGatewayResponse"),
    ("GET", "/restapis/{}/models", "GetModels"),
    ("GET", "/restapis/{}/requestvalidators", "GetRequestValidators"),
    ("POST", "/restapis/{}/deployments", "CreateDeployment"),
    ("GET", "/restapis/{}/deployments", "GetDeployments"),
    ("GET", "/restapis/{}/deployments/{}", "GetDeployment"),
    ("PATCH", "/restapis/{}/deployments/{}", "UpdateDeployment"),
    ("DELETE", "/restapis/{}/deployments/{}", "DeleteDeployment"),
    ("POST", "/restapis/{}/stages", "CreateStage"),
    ("GET", "/restapis/{}/stages", "GetStages"),
    ("GET", "/restapis/{}/stages/{}", "GetStage"),
    ("PATCH", "/restapis/{}/stages/{}", "UpdateStage"),
    ("DELETE", "/restapis/{}/stages/{}", "DeleteStage"),
    ("DELETE", "/restapis/{}/stages/{}/cache/authorizers", "FlushStageAuthorizersCache"),
    ("DELETE", "/restapis/{}/stages/{}/cache/data", "FlushStageCache"),
    ("GET", "/restapis/{}/stages/{}/exports/{}", "GetExport"),
    ("POST", "/usageplans", "CreateUsagePlan"),
    ("GET", "/usageplans", "GetUsagePlans"),
    ("GET", "/usageplans/{}", "GetUsagePlan"),
    ("PATCH", "/usageplans/{}", "UpdateUsagePlan"),
    ("DELETE", "/usageplans/{}", "DeleteUsagePlan"),
    ("GET", "/usageplans/{}/usage", "GetUsage"),
    ("POST", "/usageplans/{}/keys", "CreateUsagePlanKey"),
    ("GET", "/usageplans/{}/keys", "GetUsagePlanKeys"),
    ("GET", "/usageplans/{}/keys/{}", "GetUsagePlanKey"),
    ("DELETE", "/usageplans/{}/keys/{}", "DeleteUsagePlanKey"),
    ("PATCH", "/usageplans/{}/keys/{}/usage", "UpdateUsage"),
    ("POST", "/apikeys", "CreateApiKey"),
    ("GET", "/apikeys", "GetApiKeys"),
    ("GET", "/apikeys/{}", "GetApiKey"),
    ("PATCH", "/apikeys/{}", "UpdateApiKey"),
    ("DELETE", "/apikeys/{}", "DeleteApiKey"),
    ("GET", "/account", "GetAccount"),
    ("PATCH", "/account", "UpdateAccount"),
    ("GET", "/tags/{+}", "GetTags"),
    ("PUT", "/tags/{+}", "TagResource"),
    ("DELETE", "/tags/{+}", "UntagResource"),
    ("POST", "/domainnames", "CreateDomainName"),
    ("GET", "/domainnames", "GetDomainNames"),
    ("GET", "/domainnames/{}", "GetDomainName"),
    ("PATCH", "/domainnames/{}", "UpdateDomainName"),
    ("DELETE", "/domainnames/{}", "DeleteDomainName"),
    ("POST", "/domainnames/{}/basepathmappings", "CreateBasePathMapping"),
    ("GET", "/domainnames/{}/basepathmappings", "GetBasePathMappings"),
    ("GET", "/domainnames/{}/basepathmappings/{}", "GetBasePathMapping"),
    ("PATCH", "/domainnames/{}/basepathmappings/{}", "UpdateBasePathMapping"),
    ("DELETE", "/domainnames/{}/basepathmappings/{}", "DeleteBasePathMapping"),
    ("GET", "/vpclinks", "GetVpcLinks"),
];

/// Lambda. The first segment is the version of the path and differs by operation.
const LAMBDA: &[Entry] = &[
    ("POST", "/{}/functions", "CreateFunction"),
    ("GET", "/{}/functions", "ListFunctions"),
    ("GET", "/{}/functions/{}", "GetFunction"),
    ("DELETE", "/{}/functions/{}", "DeleteFunction"),
    ("PUT", "/{}/functions/{}/code", "UpdateFunctionCode"),
    ("GET", "/{}/functions/{}/configuration", "GetFunctionConfiguration"),
    ("PUT", "/{}/functions/{}/configuration", "UpdateFunctionConfiguration"),
    ("POST", "/{}/functions/{}/versions", "PublishVersion"),
    ("GET", "/{}/functions/{}/versions", "ListVersionsByFunction"),
    ("POST", "/{}/functions/{}/aliases", "CreateAlias"),
    ("GET", "/{}/functions/{}/aliases", "ListAliases"),
    ("GET", "/{}/functions/{}/aliases/{}", "GetAlias"),
    ("PUT", "/{}/functions/{}/aliases/{}", "UpdateAlias"),
    ("DELETE", "/{}/functions/{}/aliases/{}", "DeleteAlias"),
    ("POST", "/{}/functions/{}/policy", "AddPermission"),
    ("GET", "/{}/functions/{}/policy", "GetPolicy"),
    ("DELETE", "/{}/functions/{}/policy/{}", "RemovePermission"),
    ("PUT", "/{}/functions/{}/concurrency", "PutFunctionConcurrency"),
    ("GET", "/{}/functions/{}/concurrency", "GetFunctionConcurrency"),
    ("DELETE", "/{}/functions/{}/concurrency", "DeleteFunctionConcurrency"),
    ("PUT", "/{}/functions/{}/provisioned-concurrency", "PutProvisionedConcurrencyConfig"),
    ("GET", "/{}/functions/{}/provisioned-concurrency", "GetProvisionedConcurrencyConfig"),
    ("DELETE", "/{}/functions/{}/provisioned-concurrency", "DeleteProvisionedConcurrencyConfig"),
    ("PUT", "/{}/functions/{}/event-invoke-config", "PutFunctionEventInvokeConfig"),
    ("GET", "/{}/functions/{}/event-invoke-config", "GetFunctionEventInvokeConfig"),
    ("PUT", "/{}/functions/{}/recursion-config", "PutFunctionRecursionConfig"),
    ("GET", "/{}/functions/{}/recursion-config", "GetFunctionRecursionConfig"),
    ("PUT", "/{}/functions/{}/runtime-management-config", "PutRuntimeManagementConfig"),
    ("GET", "/{}/functions/{}/runtime-management-config", "GetRuntimeManagementConfig"),
    ("GET", "/{}/functions/{}/code-signing-config", "GetFunctionCodeSigningConfig"),
    ("GET", "/{}/functions/{}/url", "GetFunctionUrlConfig"),
    ("POST", "/{}/functions/{}/invocations", "Invoke"),
    ("POST", "/{}/functions/{}/response-streaming-invocations", "InvokeWithResponseStream"),
    ("GET", "/{}/account-settings", "GetAccountSettings"),
    ("GET", "/{}/event-source-mappings", "ListEventSourceMappings"),
    ("GET", "/{}/layers", "ListLayers"),
    ("GET", "/{}/tags/{+}", "ListTags"),
    ("POST", "/{}/tags/{+}", "TagResource"),
    ("DELETE", "/{}/tags/{+}", "UntagResource"),
];

/// The operation of a REST-JSON service, if the service and the path are known.
pub fn operation(service: &str, method: &str, path: &str, query: &str) -> Option<&'static str> {
    let table = match service {
        "apigateway" => API_GATEWAY,
        "lambda" => LAMBDA,
        _ => return None,
    };
    let name =
        table.iter().find(|(verb, template, _)| *verb == method && fits(template, path)).map(|(_, _, name)| *name)?;
    let import = query.split('&').any(|pair| pair == "mode=import");
    Some(match name {
        "CreateRestApi" if import => "ImportRestApi",
        "CreateApiKey" if import => "ImportApiKeys",
        _ => name,
    })
}

/// Method and path template of an operation: the reverse of [`operation`].
pub fn route(service: &str, operation: &str) -> Option<(&'static str, &'static str)> {
    let table = match service {
        "apigateway" => API_GATEWAY,
        "lambda" => LAMBDA,
        _ => return None,
    };
    table.iter().find(|(_, _, name)| *name == operation).map(|(method, template, _)| (*method, *template))
}

fn fits(template: &str, path: &str) -> bool {
    let mut wanted = template.split('/').skip(1);
    // Some services end paths with a slash.
    let mut found = path.trim_end_matches('/').split('/').skip(1);
    loop {
        match (wanted.next(), found.next()) {
            (Some("{+}"), Some(_)) | (None, None) => return true,
            (Some("{}"), Some(segment)) if !segment.is_empty() => {}
            (Some(literal), Some(segment)) if literal == segment => {}
            _ => return false,
        }
    }
}

/// Method and path with identifiers replaced: the name of what no table knows.
pub fn template(method: &str, path: &str) -> String {
    let word = |segment: &str| segment.chars().all(|c| c.is_ascii_lowercase() || matches!(c, '-' | '_' | '.'));
    let segments: Vec<&str> = path.split('/').map(|segment| if word(segment) { segment } else { "{}" }).collect();
    format!("{method} {}", segments.join("/"))
}
