//! Which AWS calls a step stands for, where nothing goes wrong. The counterpart of the adapters' code, by hand; without
//! a default, so a new step does not compile until somebody has counted.

use std::collections::BTreeMap;

use aigw_plan::gateway::step::{GatewayStep, TaggedResource};
use aigw_plan::tenant::step::TenantStep;

/// Operations and how often each is called.
pub(super) type Calls = BTreeMap<&'static str, u32>;

fn once(operations: &[&'static str]) -> Calls {
    operations.iter().map(|operation| (*operation, 1)).collect()
}

/// Adds what `more` calls.
pub(super) fn add(calls: &mut Calls, more: &Calls) {
    for (operation, count) in more {
        *calls.entry(operation).or_default() += count;
    }
}

/// Calls of a gateway's step.
pub(super) fn of_gateway(step: &GatewayStep) -> Calls {
    use GatewayStep as S;
    let operations: &[&'static str] = match step {
        S::CreateTable { .. } => &["dynamodb:CreateTable"],
        S::EnableTimeToLive { .. } => &["dynamodb:UpdateTimeToLive"],
        S::EnablePointInTimeRecovery { .. } => &["dynamodb:UpdateContinuousBackups"],
        S::SetDeletionProtection { .. } => &["dynamodb:UpdateTable"],
        S::DeleteTable { .. } => &["dynamodb:DeleteTable"],
        S::ClaimOwnership { .. } | S::WritePrices { .. } | S::WriteConfig { .. } => &["dynamodb:PutItem"],
        S::ReleaseOwnership { .. } => &["dynamodb:DeleteItem"],
        S::CreateRole { .. } => &["iam:CreateRole"],
        S::UpdateRoleTrust { .. } => &["iam:UpdateAssumeRolePolicy"],
        S::PutRolePolicy { .. } => &["iam:PutRolePolicy"],
        S::DeleteRole { .. } => &["iam:DeleteRolePolicy", "iam:DeleteRole"],
        S::CreateLogGroup { .. } => &["logs:CreateLogGroup"],
        S::SetRetention { .. } => &["logs:PutRetentionPolicy"],
        S::DeleteLogGroup { .. } => &["logs:DeleteLogGroup"],
        S::CreateFunction(_) => &["lambda:CreateFunction"],
        S::UpdateFunctionConfiguration { .. } => &["lambda:UpdateFunctionConfiguration"],
        S::UpdateFunctionCode { .. } => &["lambda:UpdateFunctionCode"],
        S::PublishVersion { .. } => &["lambda:PublishVersion"],
        S::PointAlias { create: true, .. } => &["lambda:CreateAlias"],
        S::PointAlias { create: false, .. } => &["lambda:UpdateAlias"],
        S::DeleteVersion { .. } | S::DeleteFunction { .. } => &["lambda:DeleteFunction"],
        S::AddPermission { .. } => &["lambda:AddPermission"],
        S::RemovePermission { .. } => &["lambda:RemovePermission"],
        S::CreateRestApi { .. } => &["apigateway:CreateRestApi"],
        S::PutDocument { .. } => &["apigateway:PutRestApi"],
        S::VerifyDocument { .. } => &["apigateway:GetRestApi", "apigateway:GetResources", "apigateway:GetAuthorizers"],
        S::CreateDeployment { .. } => &["apigateway:CreateDeployment"],
        S::DeleteDeployment { .. } => &["apigateway:DeleteDeployment"],
        S::CreateStage { .. } => &["apigateway:CreateStage"],
        S::UpdateStage { .. } | S::SetAccessLog { .. } => &["apigateway:UpdateStage"],
        S::DeleteStage { .. } => &["apigateway:DeleteStage"],
        S::DeleteRestApi { .. } => &["apigateway:DeleteRestApi"],
        S::CreateUsagePlan(_) => &["apigateway:CreateUsagePlan"],
        S::UpdateUsagePlan { .. } => &["apigateway:UpdateUsagePlan"],
        // Refused while a stage is attached: then it is detached and deleted again.
        S::DeleteUsagePlan { api_stages, .. } if !api_stages.is_empty() => {
            return Calls::from([("apigateway:DeleteUsagePlan", 2), ("apigateway:UpdateUsagePlan", 1)]);
        }
        S::DeleteUsagePlan { .. } => &["apigateway:DeleteUsagePlan"],
        S::DeleteApiKey { .. } => &["apigateway:DeleteApiKey"],
        S::CreateDomain(_) => &["apigateway:CreateDomainName"],
        S::UpdateDomain { .. } => &["apigateway:UpdateDomainName"],
        S::DeleteDomain { .. } => &["apigateway:DeleteDomainName"],
        S::CreateMapping { .. } => &["apigateway:CreateBasePathMapping"],
        S::UpdateMapping { .. } => &["apigateway:UpdateBasePathMapping"],
        S::DeleteMapping { .. } => &["apigateway:DeleteBasePathMapping"],
        S::Tag { resource, .. } => match resource {
            TaggedResource::RestApi(_)
            | TaggedResource::Stage(..)
            | TaggedResource::UsagePlan(_)
            | TaggedResource::Domain(_) => &["apigateway:TagResource"],
            TaggedResource::Function(_) => &["lambda:TagResource"],
            TaggedResource::Role(_) => &["iam:TagRole"],
            TaggedResource::Table(_) => &["dynamodb:DescribeTable", "dynamodb:TagResource"],
        },
    };
    once(operations)
}

/// Calls of a tenant's step. A Secret is Kubernetes' and none of AWS's.
pub(super) fn of_tenant(step: &TenantStep) -> Calls {
    once(match step {
        TenantStep::CreateApiKey { .. } => &["apigateway:CreateApiKey"],
        TenantStep::EnableApiKey { .. } | TenantStep::DisableApiKey { .. } => &["apigateway:UpdateApiKey"],
        TenantStep::ConfirmApiKey { .. } => &["apigateway:GetUsagePlanKey"],
        TenantStep::AttachApiKey { .. } => &["apigateway:CreateUsagePlanKey"],
        TenantStep::DeleteApiKey { .. } => &["apigateway:DeleteApiKey"],
        TenantStep::WriteSecret { .. } => &[],
        TenantStep::ClaimIdentity { .. } | TenantStep::WritePolicy { .. } => &["dynamodb:PutItem"],
        TenantStep::ReleaseIdentity { .. } => &["dynamodb:DeleteItem"],
        TenantStep::WriteMeter { .. } => &["dynamodb:UpdateItem"],
    })
}
