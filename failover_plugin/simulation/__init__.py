"""What a policy is worth, in virtual time: fleets, faults and load as data, the real core beside other designs."""
