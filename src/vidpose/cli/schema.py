"""`vidpose schema`: the JSON Schema of poses.json."""

import json


def schema() -> None:
    """Print the JSON Schema of poses.json."""
    from vidpose.poses import Poses

    print(json.dumps(Poses.json_schema(), indent=2))
