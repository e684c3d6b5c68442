"""What the service costs, each figure beside its ceiling measured in the same run.

`rig` holds what is started and measured with, `drivers` the gateways, `questions` what is asked.
Linux only: processor time is read from /proc.
"""
