-- The operator looks at once instead of at its next pass.
local os = require("os")
if obj.metadata.annotations == nil then
  obj.metadata.annotations = {}
end
obj.metadata.annotations["aigateway.dev/reconcile-requested-at"] = os.date("!%Y-%m-%dT%XZ")
return obj
