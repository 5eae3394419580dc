"""What tests of several folders share: studies, stand-ins, data made by rule. Import as `helpers.<module>`."""
