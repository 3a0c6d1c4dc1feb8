local actions = {}
local suspended = obj.spec.suspend == true
actions["reconcile"] = { ["disabled"] = obj.metadata.deletionTimestamp ~= nil }
-- For emergencies: both change the spec, so the application is out of sync until Git says the same.
actions["suspend"] = { ["disabled"] = suspended }
actions["resume"] = { ["disabled"] = not suspended }
return actions
