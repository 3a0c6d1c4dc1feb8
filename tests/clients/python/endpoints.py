"""Bedrock's endpoints as botocore resolves them: one line for each Region and family, in CSV.

Hosts come from each service's endpoint rules. The rules give every Region a FIPS host, whether it exists or not, so it
is printed only where botocore's list of endpoints names it. `forwarder/contract/endpoints.csv` is this output.
"""

import botocore.session
from botocore.endpoint_provider import EndpointProvider

from operations import FAMILIES

loader = botocore.session.get_session().get_component("data_loader")
partitions = loader.load_data("partitions")
listed = {
    endpoint.get("hostname")
    for partition in loader.load_data("endpoints")["partitions"]
    for endpoint in partition["services"].get("bedrock", {"endpoints": {}})["endpoints"].values()
}
providers = {family: EndpointProvider(loader.load_service_model(family, "endpoint-rule-set-1"), partitions) for family in FAMILIES}
signing = {family: loader.load_service_model(family, "service-2")["metadata"].get("signingName", family) for family in FAMILIES}


def host(family, region, fips):
    url = providers[family].resolve_endpoint(Region=region, UseFIPS=fips, UseDualStack=False).url
    return url.removeprefix("https://")


print("region,partition,dns suffix,family,signing name,host,FIPS host")
for partition in partitions["partitions"]:
    for region in sorted(name for name in partition["regions"] if not name.endswith("-global")):
        for family in FAMILIES:
            fips = host(family, region, True)
            fields = (region, partition["id"], partition["outputs"]["dnsSuffix"], family, signing[family], host(family, region, False))
            print(",".join(fields), fips if fips in listed else "", sep=",")
