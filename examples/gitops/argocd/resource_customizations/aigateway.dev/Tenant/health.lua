-- Conditions follow kstatus: Ready, Reconciling, Stalled, with observedGeneration beside them.
local health = { status = "Progressing", message = "Waiting for the operator" }
if obj.metadata.deletionTimestamp ~= nil then
  health.message = "Being deleted"
end
if obj.status == nil or obj.status.conditions == nil then
  return health
end
if obj.status.observedGeneration ~= nil and obj.status.observedGeneration ~= obj.metadata.generation then
  health.message = "The operator has not seen this generation yet"
  return health
end

local conditions = {}
for _, condition in ipairs(obj.status.conditions) do
  conditions[condition.type] = condition
end
local function is(kind, status)
  return conditions[kind] ~= nil and conditions[kind].status == status
end
local function told(kind)
  return (conditions[kind].reason or kind) .. ": " .. (conditions[kind].message or "")
end

-- Nothing changes until a person acts: a wrong spec, a missing permission, a used-up quota.
if is("Stalled", "True") then
  health.status = "Degraded"
  health.message = told("Stalled")
  return health
end
if obj.metadata.deletionTimestamp ~= nil then
  if is("Ready", "False") then
    health.message = told("Ready")
  end
  return health
end
if is("Reconciling", "True") then
  health.message = told("Reconciling")
  return health
end
-- On purpose, by the team or by the platform.
if is("Suspended", "True") then
  health.status = "Suspended"
  health.message = told("Suspended")
  return health
end
if is("Ready", "True") then
  health.status = "Healthy"
  health.message = told("Ready")
  -- A budget that is used up is the product at work, not a fault; so is a warning.
  for _, kind in ipairs({ "WithinBudget", "IdentitiesReady", "IssuersReady", "CapacityOK" }) do
    if is(kind, "False") then
      health.message = told(kind)
    end
  end
  return health
end
if is("Ready", "False") then
  health.message = told("Ready")
end
return health
