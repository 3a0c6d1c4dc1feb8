"""Puts the plugin's handlers into LocalEmu's request chain, and reads stages atomically."""

from localemu.services.apigateway.next_gen.execute_api import handlers, router
from localemu.services.apigateway.next_gen.execute_api.handlers.authorizer import AuthorizerHandler
from localemu.services.apigateway.next_gen.execute_api.handlers.throttle import ThrottleHandler

from . import access_logs, authorizer, custom_domains, gateway_responses, integration, usage_plans
from .wrapping import locked


def install() -> None:
    chain = handlers.preprocess_request.handlers
    replacements = {AuthorizerHandler: authorizer.Authorizer(), ThrottleHandler: usage_plans.StageThrottle()}
    chain[:] = [replacements.get(type(handler), handler) for handler in chain]
    # A request sees the stage before or after an update, never half of one.
    endpoint = router.ApiGatewayEndpoint
    endpoint.populate_rest_api_invocation_context = locked(endpoint.populate_rest_api_invocation_context)
    usage_plans.install()
    integration.install()
    gateway_responses.install()
    access_logs.install()
    custom_domains.install()
