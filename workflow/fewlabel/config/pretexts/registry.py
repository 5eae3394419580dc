"""All pretexts, as types of settings."""

from typing import Annotated

from pydantic import Field

from fewlabel.config.pretexts.base import ScratchMethod
from fewlabel.config.pretexts.contrastive import ContrastiveMethod
from fewlabel.config.pretexts.joint import JointMethod
from fewlabel.config.pretexts.regression import RegressionMethod

PretrainedMethod = RegressionMethod | ContrastiveMethod | JointMethod
Method = Annotated[ScratchMethod | PretrainedMethod, Field(discriminator="pretext")]
